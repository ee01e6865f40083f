"""What a column file looks like: its first lines, the rows they fall into, and which column holds what."""
