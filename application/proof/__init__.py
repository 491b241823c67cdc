"""Proofs that the log is complete and unchanged: its tree, signed heads of it, and what they are checked with."""
