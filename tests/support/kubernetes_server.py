"""A small server of the parts of Kubernetes' API that a task needs to start and follow a JobSet."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from support.stub_server import StubHandler, StubServer

RESOURCES = re.compile(
    r"/(?:apis/jobset\.x-k8s\.io/v1alpha2|api/v1)/namespaces/(?P<namespace>[\w-]+)/(?P<kind>jobsets|configmaps)"
    r"(?:/(?P<name>[\w-]+))?$"
)

Resource = dict[str, Any]
Condition = tuple[str, str]  # type, message


class KubernetesServer(StubServer):
    """``objects`` holds what was created, by (kind, name).

    Args:
        work: Called with a JobSet when it is created; its result becomes the JobSet's condition.
    """

    def __init__(self, work: Callable[[Resource], Condition] = lambda job: ("Completed", "done")) -> None:
        super().__init__(Handler)
        self.work = work
        self.objects: dict[tuple[str, str], Resource] = {}

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """The requests so far as (method, kind, namespace)."""
        requests = (request.split(" ") for request in self.requests)
        matches = ((method, RESOURCES.match(path.split("?")[0])) for method, path in requests)
        return [(method, match["kind"], match["namespace"]) for method, match in matches if match]

    @property
    def client(self) -> Any:
        """Kubernetes' client for it."""
        from kubernetes.client import ApiClient, Configuration

        configuration = Configuration(host=self.url)
        configuration.retries = False
        return ApiClient(configuration)

    def put(self, job: Resource, condition: Condition | None = None) -> None:
        """Add a JobSet, with the condition of its end."""
        status: Resource = {"restarts": 0, "conditions": []}
        self.objects["jobsets", job["metadata"]["name"]] = {**job, "status": status}
        if condition is not None:
            self.end(job, condition)

    def end(self, job: Resource, condition: Condition) -> None:
        """End a JobSet."""
        kind, message = condition
        content = {"type": kind, "status": "True", "message": message}
        self.objects["jobsets", job["metadata"]["name"]]["status"]["conditions"].append(content)

    def run(self, job: Resource) -> None:
        """Do a JobSet's work in another thread."""
        self.put(job)
        threading.Thread(target=lambda: self.end(job, self.work(job)), daemon=True).start()


class Handler(StubHandler):
    """Answers as the API server does."""

    def respond(self, body: bytes) -> None:
        """Answer the request."""
        match = RESOURCES.match(self.path.split("?")[0])
        assert match, self.path
        objects, kind, name = self.server.objects, match["kind"], match["name"]
        if self.command == "POST":
            content = json.loads(body)
            key = kind, content["metadata"]["name"]
            if key in objects:
                self.send_json(409, {"reason": "AlreadyExists"})
                return
            if kind == "jobsets":
                self.server.run(content)
            else:
                objects[key] = content
            self.send_json(201, content)
        elif (kind, name) not in objects:
            self.send_json(404, {"reason": "NotFound"})
        else:
            found = objects.pop((kind, name)) if self.command == "DELETE" else objects[kind, name]
            self.send_json(200, found)
