"""What is known of a backbone beside its weights, and backbones beside the first one."""
