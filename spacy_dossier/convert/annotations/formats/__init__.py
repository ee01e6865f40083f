"""One module an annotation format: how it is told, read and written."""
