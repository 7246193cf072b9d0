"""The manifests are what Kubernetes accepts, and kustomize finds all of them."""

from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

BASE = Path(__file__).parents[1] / "k8s" / "base"
KUSTOMIZATION = YAML(typ="safe").load(BASE / "kustomization.yaml")


def test_the_kustomization_names_every_manifest():
    assert sorted([*KUSTOMIZATION["resources"], "kustomization.yaml"]) == sorted(path.name for path in BASE.iterdir())


@pytest.mark.parametrize("name", KUSTOMIZATION["resources"])
def test_a_manifest_fits_the_schema(name):
    manifest = YAML(typ="safe").load(BASE / name)
    kubernetes_validate.validate(manifest, "1.31", strict=True)
