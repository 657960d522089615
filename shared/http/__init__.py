"""What every HTTP application has in common: the edge, keys, problems, origins."""
