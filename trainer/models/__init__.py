"""Models: configuration, forward pass, variable names."""
