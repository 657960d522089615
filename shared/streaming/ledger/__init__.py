"""What a service has read of its topics: each record once, and how far each partition is stored."""
