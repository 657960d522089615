"""Records from a log to a handler: at least once each, in order, and never skipped."""
