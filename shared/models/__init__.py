"""Backbones, adapters, heads, the bundles they travel in and the registry that names them."""
