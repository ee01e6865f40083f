"""Exports of annotation tools: spans of characters to DocBin and back."""
