"""One reader of rows for all files: formats, encodings, separators, headings, limits."""
