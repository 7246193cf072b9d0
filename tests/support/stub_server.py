"""A local server in place of a real service: how it starts and ends, answers, and fails where a test says so."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

TRICKLE_SECONDS = 0.05  # between two bytes of a slow answer


class StubServer(ThreadingHTTPServer):
    """Serves on a free port of the loopback address while it is used as a context manager.

    Attributes:
        faults: Faults still to happen, as (pattern, kind, times): of the requests that a regular expression finds
            ("GET /storage/v1/…"), the first ``times`` ones fail. A kind is an HTTP status; ``drop``, the connection
            ends in the middle of the request; ``deaf``, it ends after the request was carried out; ``cut``, it ends in
            the middle of the answer's body; ``slow``, that body comes a byte at a time; or a function that changes it.
        requests: The requests so far, as ``METHOD /path?query``.

    Args:
        handler: Answers the requests.
    """

    daemon_threads = True

    def __init__(self, handler: type[StubHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.faults: list[tuple[str, Any, int]] = []
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def netloc(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{self.netloc}"

    def fault(self, request: str) -> Any:
        """Record a request; the kind of the first fault that is meant for it, or None. That fault is used up."""
        with self._lock:
            self.requests.append(request)
            for index, (pattern, kind, times) in enumerate(self.faults):
                if re.search(pattern, request):
                    self.faults[index : index + 1] = [(pattern, kind, times - 1)] if times > 1 else []
                    return kind
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that a fault dropped is no error."""


class StubHandler(BaseHTTPRequestHandler):
    """Answers a request: a subclass implements :meth:`respond`."""

    protocol_version = "HTTP/1.1"
    server: Any

    def respond(self, body: bytes) -> None:
        """Answer the request, whose body is given, by :meth:`send` or :meth:`send_json`."""
        raise NotImplementedError

    def fail(self, status: int) -> None:
        """Answer with the error that a fault asks for."""
        self.send_json(status, {"message": f"injected {status}"})

    def answer(self) -> None:
        """Let a fault happen, or respond."""
        self._fault = self.server.fault(f"{self.command} {unquote(self.path)}")
        if self._fault == "drop":
            self.rfile.read(int(self.headers.get("content-length") or 0) // 2)
            self.close_connection = True
            return
        body = self.read_body()
        if len(body) < int(self.headers.get("content-length") or 0):  # its sender was killed
            self.close_connection = True
            return
        if isinstance(self._fault, int):
            self.fail(self._fault)
        else:
            self.respond(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  names of the standard library

    def read_body(self) -> bytes:
        """The request's body, sent whole or in chunks."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send_json(self, status: int, content: Any) -> None:
        """Answer with JSON."""
        self.send(status, json.dumps(content).encode(), {"content-type": "application/json"})

    def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        """Answer with a body, unless a fault asks for another end."""
        if self._fault == "deaf":
            self.close_connection = True
            return
        if callable(self._fault):
            content = self._fault(content)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self._fault == "slow":
            self._trickle(content)
            return
        is_cut = self._fault == "cut"
        self.wfile.write(content[: len(content) // 2] if is_cut else content)
        self.close_connection = is_cut or self.close_connection

    def _trickle(self, content: bytes) -> None:
        """Send a body slowly, until the client has had enough."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(TRICKLE_SECONDS)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""
