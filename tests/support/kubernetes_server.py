"""A small server of the parts of Kubernetes' API that a task needs to start and follow a JobSet."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLACES = re.compile(
    r"/(?:apis/jobset\.x-k8s\.io/v1alpha2|api/v1)/namespaces/([\w-]+)/(jobsets|configmaps)(?:/([\w-]+))?$"
)


class KubernetesServer(ThreadingHTTPServer):
    """``objects`` holds what was created, by (kind, name); ``faults`` statuses with which the next requests fail.

    Args:
        work: Called with a JobSet when it is created; its result becomes the JobSet's condition (type, message).
    """

    daemon_threads = True

    def __init__(self, work=lambda job: ("Completed", "done")):
        super().__init__(("127.0.0.1", 0), Handler)
        self.work, self.objects, self.faults, self.requests = work, {}, [], []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def client(self):
        """Kubernetes' client for it."""
        from kubernetes.client import ApiClient, Configuration

        configuration = Configuration(host=f"http://127.0.0.1:{self.server_address[1]}")
        configuration.retries = False
        return ApiClient(configuration)

    def put(self, job, condition=None):
        """A JobSet, with the condition of its end."""
        status = {"restarts": 0, "conditions": []}
        self.objects["jobsets", job["metadata"]["name"]] = {**job, "status": status}
        if condition is not None:
            self.end(job, condition)

    def end(self, job, condition):
        kind, message = condition
        condition = {"type": kind, "status": "True", "message": message}
        self.objects["jobsets", job["metadata"]["name"]]["status"]["conditions"].append(condition)

    def run(self, job):
        self.put(job)
        threading.Thread(target=lambda: self.end(job, self.work(job)), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        namespace, kind, name = PLACES.match(self.path.split("?")[0]).groups()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        server.requests.append((self.command, kind, namespace))
        if server.faults:
            return self.send(server.faults.pop(0), {"message": "injected"})
        if self.command == "POST":
            content = json.loads(body)
            key = kind, content["metadata"]["name"]
            if key in server.objects:
                return self.send(409, {"reason": "AlreadyExists"})
            if kind == "jobsets":
                server.run(content)
            else:
                server.objects[key] = content
            return self.send(201, content)
        if (kind, name) not in server.objects:
            return self.send(404, {"reason": "NotFound"})
        found = server.objects[kind, name]
        if self.command == "DELETE":
            del server.objects[kind, name]
        return self.send(200, found)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  as http.server calls them

    def send(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass
