"""Text of PDF files: PDFium's characters, and lines, columns and paragraphs of our own."""
