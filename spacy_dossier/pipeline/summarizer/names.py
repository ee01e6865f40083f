"""Under which names a Doc keeps summaries."""

SUMMARY_GROUP = "summary"  # in doc.spans: the summary's sentences
REFERENCE = "summary_reference"  # in doc.user_data: somebody's summary of the document, to learn from
REFERENCES = "summary_references"  # all of them, where there are several; the first is also under REFERENCE
