"""What people did, as ranking reads it."""
