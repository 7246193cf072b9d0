"""Compile pipelines and components to the YAML of Kubeflow Pipelines: the same bytes for the same recipe."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from typing import TYPE_CHECKING

from berth.cluster import references

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent


def compiled(component: BaseComponent) -> bytes:
    """A pipeline or component in Kubeflow's format, with all references checked.

    Raises:
        BerthError: if a reference does not resolve.
    """
    from kfp import compiler

    with tempfile.TemporaryDirectory(prefix="berth-compile-") as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kfp's announcements of its later versions
        path = os.path.join(directory, "package.yaml")
        compiler.Compiler().compile(component, path)
        with open(path, "rb") as file:
            content = file.read()
    check(content, component.name)
    return content


def check(content: bytes, where: str) -> None:
    """Check the references of a compiled file. Raises BerthError."""
    import yaml  # kfp writes with PyYAML; its compiled parser reads it ten times as fast as ruamel.yaml

    documents = list(yaml.load_all(content, yaml.CSafeLoader))
    references.check(documents[0], documents[1] if len(documents) > 1 else None, where)


def pipeline_name(recipe: str) -> str:
    """The name of a recipe's pipeline in Kubeflow Pipelines."""
    return "berth-" + re.sub("[^a-z0-9]+", "-", recipe)
