"""The text of a Word document (.docx)."""
