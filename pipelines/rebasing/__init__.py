"""Rebasing: what was made for one backbone is rebuilt for another one."""
