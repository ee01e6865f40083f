"""Column files and article/summary pairs in, DocBin out, and back."""
