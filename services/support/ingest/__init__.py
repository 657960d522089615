"""Documents from files: Markdown, HTML, plain text, CSV and JSON Lines."""
