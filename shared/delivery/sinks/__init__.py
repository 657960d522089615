"""Where messages leave to: one file for each kind of sink."""
