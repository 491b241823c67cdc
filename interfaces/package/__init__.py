"""The auditor's package: one archive that is checked without this program, by the verifier that lies in it."""
