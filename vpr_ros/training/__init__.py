"""Training of networks: losses, samplers, recipes."""
