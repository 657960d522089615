"""Tests: services.backbone."""
