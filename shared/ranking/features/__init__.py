"""Features: one function each, one file each; training and serving call the same ones."""
