"""The data of a run: files to checked examples, four separate parts, and their report."""
