"""The commands of `banyan`, a module for each group: options and help, no work."""
