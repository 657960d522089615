"""The banyan command: starts, stops and drives the platform on one machine."""
