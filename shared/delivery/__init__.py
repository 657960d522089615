"""What leaves the platform: the outbox, its relay, and its sinks."""
