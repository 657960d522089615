"""Documents from files: Markdown, HTML, text, PDF, DOCX, CSV and JSON Lines."""
