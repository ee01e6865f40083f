"""The bulk engine: documents in, records out."""
