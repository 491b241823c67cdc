"""The doors of the house: settings, stores, files, HTTP and the command line. Everything in here may be replaced."""
