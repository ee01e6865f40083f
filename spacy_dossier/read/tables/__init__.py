"""Tables: a text a row, or data that is read as a document."""
