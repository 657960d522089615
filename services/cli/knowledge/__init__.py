"""The support application: questions, and the knowledge bases that answer them."""
