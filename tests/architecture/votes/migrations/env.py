"""Alembic's door to the revisions."""

from shared.storage.migrations import run_environment

run_environment()
