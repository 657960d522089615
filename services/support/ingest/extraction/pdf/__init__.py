"""The text of a PDF: its lines put together to headings, paragraphs, lists and tables."""
