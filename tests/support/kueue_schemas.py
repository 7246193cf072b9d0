"""JSON Schemas of what Berth uses of Kueue's kinds, written from its API reference, for no package on PyPI holds them.

Source: https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta1/ and the rules of its custom resource definitions
(names, limits, required fields). Fields that Berth does not use are left out, so that using one asks for a look there.
"""

import jsonschema

NAME = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
QUANTITY = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|m|k)?$"}]
}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}


def _object(required, **properties):
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _items(items, most):
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


def _schema(kind, namespaced, spec):
    place = {"namespace": NAME} if namespaced else {}
    return _object(
        ["apiVersion", "kind", "metadata", *(["spec"] if spec["required"] else [])],
        apiVersion={"const": "kueue.x-k8s.io/v1beta1"},
        kind={"const": kind},
        metadata=_object(["name", *place], name=NAME, labels=LABELS, **place),
        spec=spec,
    )


KUEUE = {
    kind: jsonschema.Draft202012Validator(_schema(kind, namespaced, spec))
    for kind, (namespaced, spec) in _SPECS.items()
}
