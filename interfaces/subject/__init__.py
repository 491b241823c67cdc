"""What is stored about one person, for that person: a page to read and a file to take elsewhere."""
