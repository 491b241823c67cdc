"""The web pages: written by the server, readable without a script, from this host alone."""
