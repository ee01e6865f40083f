"""Pairs of article and summary to DocBin."""
