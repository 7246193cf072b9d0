"""Recipes on clusters: Kubernetes manifests, settings of Kubeflow tasks, compiled pipelines and their submission."""
