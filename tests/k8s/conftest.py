"""Fixtures of the manifests' tests."""

import pytest

from support.k8s_manifests import K8S, OVERLAYS, RENDERED, kustomize


@pytest.fixture(scope="session")
def overlays():
    """All manifests of each overlay."""
    return {name: kustomize(K8S / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=[*OVERLAYS, *RENDERED])
def documents(request, overlays):
    """All manifests of an overlay, or of one rendered job."""
    return overlays[request.param] if request.param in overlays else RENDERED[request.param]()
