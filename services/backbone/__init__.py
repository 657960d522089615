"""The trunk's application: one encoder deployment and its public routes under /v1."""
