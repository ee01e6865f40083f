"""Classified texts: tables, JSON lines, folders a class each, twin files with slots."""
