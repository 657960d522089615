"""Questions about a knowledge base: answered by extracts, in chat's shapes, or handed over."""
