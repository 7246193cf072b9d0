"""Kubeflow Pipelines and Kubernetes: what a recipe's `cluster` section becomes there."""
