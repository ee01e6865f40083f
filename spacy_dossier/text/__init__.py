"""Bytes to text, sentences by rule, files written whole."""
