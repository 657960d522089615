"""Tests of rebasing."""
