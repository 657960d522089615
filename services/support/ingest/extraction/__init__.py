"""The text of PDF and DOCX files as HTML, read in a process that is bounded in time and memory."""
