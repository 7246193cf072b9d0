"""A small server of Kubeflow Pipelines' API (v2beta1): it keeps what it is sent, and fails where a test says so."""

import email
import email.policy
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from ruamel.yaml import YAML

API = "/apis/v2beta1"


class KubeflowServer(ThreadingHTTPServer):
    """Attributes hold what was uploaded and started; ``faults`` what is to go wrong.

    A fault is (method, path suffix, kind) with kind an HTTP status, "drop" (the connection ends before anything is
    done) or "deaf" (it ends after the request was carried out). Each is used once.
    """

    daemon_threads = True

    def __init__(self, token=None, page=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token, self.page = token, page
        self.pipelines, self.versions, self.experiments, self.runs = [], [], [], []
        self.faults, self.requests = [], []
        self.run_states = ["RUNNING", "SUCCEEDED"]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # a dropped connection is meant


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def log_message(self, *_):
        pass

    def answer(self, method):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((method, parts.path))
        if self.server.page is not None:
            return self.send(200, self.server.page.encode(), "text/html")
        if not parts.path.startswith(API):
            return self.send(404, b"404 page not found", "text/plain")
        fault = self.fault(method, parts.path)
        if fault == "drop":
            return self.connection.close()
        if isinstance(fault, int):
            return self.fail(fault, f"injected {fault}")
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            # As some proxies do, it repeats what it was given.
            return self.fail(401, f"token not accepted: {self.headers.get('Authorization')}")
        result = self.route(method, parts.path.removeprefix(API), query, body)
        if fault == "deaf":
            return self.connection.close()
        if result is None:
            return self.fail(404, "no such thing")
        return self.send(200, json.dumps(result).encode(), "application/json")

    def fault(self, method, path):
        for fault in self.server.faults:
            if fault[0] == method and path.endswith(fault[1]):
                self.server.faults.remove(fault)
                return fault[2]
        return None

    def route(self, method, path, query, body):
        server = self.server
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
            spec = YAML(typ="safe").load_all(upload(self.headers, body))
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

    def fail(self, status, message):
        self.send(status, json.dumps({"error": message, "message": message, "code": 2}).encode(), "application/json")

    def send(self, status, content, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def listed(kind, things, query):
    """The things of a name, without what a version holds."""
    if "filter" in query:
        (predicate,) = json.loads(query["filter"])["predicates"]
        assert predicate["operation"] in ("EQUALS", 1) and predicate["key"] == "display_name"
        things = [thing for thing in things if thing["display_name"] == predicate["stringValue"]]
    return {kind: [{name: value for name, value in thing.items() if name != "spec"} for thing in things]}


def added(things, key, thing):
    thing[key] = f"{key}-{len(things)}"
    things.append(thing)
    return thing


def upload(headers, body):
    """The file in a multipart form."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    (part,) = [
        part for part in message.iter_parts() if part.get_param("name", header="content-disposition") == "uploadfile"
    ]
    return part.get_payload(decode=True)
