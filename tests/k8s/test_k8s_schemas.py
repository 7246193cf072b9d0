"""The manifests are what Kubernetes, JobSet and Kueue accept."""

import copy

import jsonschema
import kubernetes_validate
import pytest
from kubeflow_trainer_api.models import JobsetV1alpha2JobSet
from ruamel.yaml import YAML

from support.k8s_manifests import K8S, jobs, of_kind
from support.kueue_schemas import KUEUE

KUBERNETES = "1.31"


def strict(schema):
    """The schema, with unknown keys as errors; quantities and ports are texts or numbers."""
    schema = copy.deepcopy(schema)
    for name, definition in schema["$defs"].items():
        if name.endswith(("Quantity", "IntOrString")):
            schema["$defs"][name] = {"type": ["string", "number"]}
        elif "properties" in definition:
            definition["additionalProperties"] = False
    return {**schema, "additionalProperties": False}


JOBSET = jsonschema.Draft202012Validator(strict(JobsetV1alpha2JobSet.model_json_schema(by_alias=True)))


def test_every_manifest_fits_its_schema(documents):
    for document in documents:
        if document["kind"] == "JobSet":
            JOBSET.validate(document)
            JobsetV1alpha2JobSet.from_dict(document)
        elif document["kind"] in KUEUE:
            KUEUE[document["kind"]].validate(document)
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    for spec in jobs(documents):  # a JobSet's jobs are Kubernetes' own
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}
        kubernetes_validate.validate(job, KUBERNETES, strict=True)


def with_mistake(document, path):
    """The document with a 1 at that path, whose last part is a misspelt key."""
    *parents, last = path
    document = place = copy.deepcopy(document)
    for part in parents:
        place = place[part]
    place[last] = 1
    return document


@pytest.mark.parametrize("path", [("spec", "maxRestart"), ("spec", "network", "dns"), ("metadata", "label")])
def test_a_misspelt_key_of_a_jobset_would_be_found(overlays, path):
    (jobset,) = of_kind(overlays["train-tpu"], "JobSet")
    with pytest.raises(jsonschema.ValidationError):
        JOBSET.validate(with_mistake(jobset, path))


GROUP = ("spec", "resourceGroups", 0)
MISTAKES = [
    ("ResourceFlavor", ("spec",)),
    ("ClusterQueue", ("spec", "resourceGroup")),
    ("ClusterQueue", (*GROUP, "coveredResource")),
    ("ClusterQueue", (*GROUP, "flavors", 0, "name")),
    ("ClusterQueue", ("spec", "preemption", "withinClusterQueue")),
    ("LocalQueue", ("spec", "clusterQueue")),
    ("LocalQueue", ("metadata", "namespace")),
]


@pytest.mark.parametrize(("kind", "path"), MISTAKES)
def test_a_mistake_in_a_queue_would_be_found(overlays, kind, path):
    (document,) = of_kind(overlays["train-tpu"], kind)
    KUEUE[kind].validate(document)
    with pytest.raises(jsonschema.ValidationError):
        KUEUE[kind].validate(with_mistake(document, path))


def test_every_file_is_used():
    named = {K8S / "pipelines" / "workflow-defaults.yaml"}  # a patch, for `kubectl patch`
    for path in K8S.rglob("kustomization.yaml"):
        content = YAML(typ="safe").load(path)
        files = [*content.get("resources", []), *content.get("configurations", [])]
        files += [patch["path"] for patch in content.get("patches", [])]
        files += [name for generator in content.get("configMapGenerator", []) for name in generator.get("files", [])]
        named |= {(path.parent / name).resolve() for name in files} | {path.resolve()}
    assert {path.resolve() for path in K8S.rglob("*.yaml")} <= named
