"""Command-line pipelines: each reads one configuration and writes one artefact."""
