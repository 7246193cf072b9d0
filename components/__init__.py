"""Kubeflow components: one thin file a stage. Each reads its part of the recipe and calls the stage's function."""
