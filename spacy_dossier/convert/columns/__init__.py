"""Column files, one token a row, to DocBin and back."""
