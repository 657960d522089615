"""Customer support: question answering with retrieval behind a chat endpoint."""
