"""One module a column format: what it looks like, how its rows are read, how they are written."""
