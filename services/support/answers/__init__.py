"""Questions about a knowledge base: answered from its passages in chat's shapes, or handed over."""
