"""JSON Schemas of what Berth uses of Kueue's kinds, written from its API reference, for no package on PyPI holds them.

Source: https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta1/ and the rules of its custom resource definitions
(names, limits, required fields). Fields that Berth does not use are left out, so that using one asks for a look there.
"""

from __future__ import annotations

from typing import Any

import jsonschema

Schema = dict[str, Any]

NAME: Schema = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
QUANTITY: Schema = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|m|k)?$"}]
}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _items(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


_RESOURCE = _object(["name", "nominalQuota"], name={"type": "string"}, nominalQuota=QUANTITY)
_FLAVOR = _object(["name", "resources"], name=NAME, resources=_items(_RESOURCE, 64))
_GROUP = _object(
    ["coveredResources", "flavors"], coveredResources=_items({"type": "string"}, 64), flavors=_items(_FLAVOR, 64)
)
_PREEMPTION = _object([], withinClusterQueue={"enum": ["Never", "LowerPriority", "LowerOrNewerEqualPriority"]})
_SPECS = {
    "ResourceFlavor": (False, _object([], nodeLabels=LABELS)),
    "ClusterQueue": (
        False,
        _object(
            ["namespaceSelector", "resourceGroups"],
            namespaceSelector=_object(["matchLabels"], matchLabels=LABELS),
            preemption=_PREEMPTION,
            resourceGroups=_items(_GROUP, 16),
        ),
    ),
    "LocalQueue": (True, _object(["clusterQueue"], clusterQueue=NAME)),
}


def _schema(kind: str, namespaced: bool, spec: Schema) -> Schema:
    namespace = {"namespace": NAME} if namespaced else {}
    return _object(
        ["apiVersion", "kind", "metadata", *(["spec"] if spec["required"] else [])],
        apiVersion={"const": "kueue.x-k8s.io/v1beta1"},
        kind={"const": kind},
        metadata=_object(["name", *namespace], name=NAME, labels=LABELS, **namespace),
        spec=spec,
    )


KUEUE = {
    kind: jsonschema.Draft202012Validator(_schema(kind, namespaced, spec))
    for kind, (namespaced, spec) in _SPECS.items()
}
