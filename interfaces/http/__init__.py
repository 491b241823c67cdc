"""HTTP, version 1: operations, and the application that serves them."""
