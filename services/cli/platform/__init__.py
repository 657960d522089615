"""Starts, stops and looks at the platform on this machine."""
