"""Rebasing: what was made for one backbone is made anew for another one."""
