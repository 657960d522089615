"""The applications that run on the shared backbone; none imports another."""
