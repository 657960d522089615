"""What leaves the platform: the outbox, its relay, its sinks, and how topics are written to."""
