"""Small models: untrained encoders, and bundles that are trained a little."""
