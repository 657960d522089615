"""What training and serving must agree on: no HTTP routes, no command line."""
