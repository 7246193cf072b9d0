"""A small server of Kubeflow Pipelines' API (v2beta1): it keeps what it is sent, and fails where a test says so."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from support.stub_server import StubHandler, StubServer

API = "/apis/v2beta1"

Things = list[dict[str, Any]]


class KubeflowServer(StubServer):
    """Attributes hold what was uploaded and started.

    Args:
        token: The one bearer token that is accepted; None accepts all requests.
        page: HTML that answers every request, as that of a login page before the server.
        answer: JSON that answers every request, as that of a server of something else.
    """

    def __init__(self, token: str | None = None, page: str | None = None, answer: str | None = None) -> None:
        super().__init__(Handler)
        self.token, self.page, self.answer = token, page, answer
        self.pipelines: Things = []
        self.versions: Things = []
        self.experiments: Things = []
        self.runs: Things = []
        self.run_states = ["RUNNING", "SUCCEEDED"]


class Handler(StubHandler):
    """Answers as the API server does."""

    def fail(self, status: int) -> None:
        """Answer with the error that a fault asks for."""
        self._fail(status, f"injected {status}")

    def respond(self, body: bytes) -> None:
        """Answer the request."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.server.page is not None:
            self.send(200, self.server.page.encode(), {"content-type": "text/html"})
        elif self.server.answer is not None:
            self.send(200, self.server.answer.encode(), {"content-type": "application/json"})
        elif not parts.path.startswith(API):
            self.send(404, b"404 page not found", {"content-type": "text/plain"})
        elif self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            # As some proxies do, it repeats what it was given.
            self._fail(401, f"token not accepted: {self.headers.get('Authorization')}")
        elif (result := self._route(parts.path.removeprefix(API), query, body)) is None:
            self._fail(404, "no such thing")
        else:
            self.send_json(200, result)

    def _route(self, path: str, query: Mapping[str, str], body: bytes) -> Any:
        server, method = self.server, self.command
        if path == "/healthz":
            return {"multi_user": False}
        if path == "/pipelines" and method == "GET":
            mine = [pipeline for pipeline in server.pipelines if pipeline.get("namespace") == query.get("namespace")]
            return listed("pipelines", mine, query)
        if path == "/pipelines":
            return added(server.pipelines, "pipeline_id", json.loads(body))
        if match := re.fullmatch(r"/pipelines/([^/]+)/versions", path):
            mine = [version for version in server.versions if version["pipeline_id"] == match[1]]
            return listed("pipeline_versions", mine, query)
        if path == "/pipelines/upload_version":
            # What the real server does first: it parses the file.
            spec = yaml.load_all(upload(self.headers, body), yaml.CSafeLoader)
            version = {"display_name": query["name"], "pipeline_id": query["pipelineid"], "spec": list(spec)}
            result = added(server.versions, "pipeline_version_id", version)
            return {name: value for name, value in result.items() if name != "spec"}
        if path == "/experiments" and method == "GET":
            return listed("experiments", server.experiments, query)
        if path == "/experiments":
            return added(server.experiments, "experiment_id", json.loads(body))
        if path == "/runs" and method == "GET":
            return listed("runs", server.runs, query)
        if path == "/runs":
            return added(server.runs, "run_id", json.loads(body))
        if match := re.fullmatch(r"/runs/([^/]+)", path):
            (run,) = [run for run in server.runs if run["run_id"] == match[1]]
            state = server.run_states.pop(0) if len(server.run_states) > 1 else server.run_states[0]
            task = {"task_id": "t", "display_name": "train", "state": state}
            if state == "FAILED":
                task["error"] = {"code": 9, "message": "exit status 1"}
            return {**run, "state": state, "run_details": {"task_details": [task]}}
        return None

    def _fail(self, status: int, message: str) -> None:
        self.send_json(status, {"error": message, "message": message, "code": 2})


def listed(kind: str, things: Things, query: Mapping[str, str]) -> dict[str, Things]:
    """The things of a name, without what a version holds."""
    if "filter" in query:
        (predicate,) = json.loads(query["filter"])["predicates"]
        assert predicate["operation"] in ("EQUALS", 1) and predicate["key"] == "display_name"
        things = [thing for thing in things if thing["display_name"] == predicate["stringValue"]]
    return {kind: [{name: value for name, value in thing.items() if name != "spec"} for thing in things]}


def added(things: Things, key: str, thing: dict[str, Any]) -> dict[str, Any]:
    """Add a thing with an id."""
    thing[key] = f"{key}-{len(things)}"
    things.append(thing)
    return thing


def upload(headers: Message, body: bytes) -> bytes:
    """The file in a multipart form."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    (content,) = [
        part.get_payload(decode=True)
        for part in message.iter_parts()
        if part.get_param("name", header="content-disposition") == "uploadfile"
    ]
    assert isinstance(content, bytes)
    return content
