"""Markup → blocks: web pages, books, notebooks, and what is written in Markdown, reStructuredText, LaTeX and XML."""
