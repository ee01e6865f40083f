"""A document of any format to its text."""
