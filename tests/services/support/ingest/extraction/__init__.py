"""Tests of the text of PDF and DOCX."""
