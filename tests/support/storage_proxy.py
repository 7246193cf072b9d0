"""A proxy before the emulator of Cloud Storage: it fails where a test says so, and speaks the XML API's uploads."""

import base64
import http.client
import json
import re
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c


class StorageProxy(ThreadingHTTPServer):
    """``faults`` is what is to go wrong, ``requests`` what was asked for ("GET /storage/v1/…").

    A fault is (pattern of the request, kind, times). Kinds: an HTTP status; "drop", the connection ends in the middle
    of the request; "deaf", when that was carried out; "cut", in the middle of the answer's body; or a function that
    changes that body.
    """

    daemon_threads = True

    def __init__(self, emulator):
        super().__init__(("127.0.0.1", 0), Handler)
        self.emulator = urlsplit(emulator)
        self.faults, self.requests, self.parts = [], [], defaultdict(dict)
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def netloc(self):
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self):
        return f"http://{self.netloc}"

    def fault(self, request):
        """The kind of the first fault for a request, or None; it is used up."""
        with self.lock:
            self.requests.append(request)
            for index, (pattern, kind, times) in enumerate(self.faults):
                if re.search(pattern, request):
                    self.faults[index : index + 1] = [(pattern, kind, times - 1)] if times > 1 else []
                    return kind
        return None

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # a dropped connection is meant


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        kind, length = self.server.fault(f"{self.command} {unquote(self.path)}"), self.headers.get("content-length")
        if kind == "drop":
            self.rfile.read(int(length or 0) // 2)
            self.close_connection = True
            return
        is_chunked = self.headers.get("transfer-encoding") == "chunked"
        body = self.read_chunks() if is_chunked else self.rfile.read(int(length or 0))
        if isinstance(kind, int):
            message = "denied by the test" if kind == 403 else "The specified bucket does not exist."
            content = {"error": {"code": kind, "message": message, "errors": [{"message": message}]}}
            self.send(kind, {"content-type": "application/json"}, json.dumps(content).encode())
            return
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        status, headers, content = (
            self.multipart(query, body)
            if "uploads" in query or "uploadId" in query
            else self.forward(self.command, self.path, self.headers, body)
        )
        if kind == "deaf":
            self.close_connection = True
            return
        if callable(kind):
            content = kind(content)
        self.send(status, headers, content, cut=kind == "cut")

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  names of the standard library

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send(self, status, headers, content, cut=False):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value.replace(self.server.emulator.netloc, self.server.netloc))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut

    def forward(self, method, path, headers, body):
        upstream = http.client.HTTPConnection(self.server.emulator.hostname, self.server.emulator.port)
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "transfer-encoding")}
        upstream.request(method, path, body, {**kept, "content-length": str(len(body))})
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        if "json" in response.getheader("content-type", ""):  # links in it lead here, too
            content = content.replace(self.server.emulator.netloc.encode(), self.server.netloc.encode())
        return response.status, dict(response.getheaders()), content

    def multipart(self, query, body):
        """https://cloud.google.com/storage/docs/multipart-uploads"""
        name = unquote(urlsplit(self.path).path).lstrip("/")
        if self.command == "POST" and "uploads" in query:
            xml = '<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><UploadId>u1</UploadId></R>'
            return 200, {"content-type": "application/xml"}, xml.encode()
        if self.command == "PUT":
            self.server.parts[name][int(query["partNumber"][0])] = body
            checksum = base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
            return 200, {"etag": f'"{query["partNumber"][0]}"', "x-goog-hash": f"crc32c={checksum}"}, b""
        parts = self.server.parts.pop(name, {})
        if self.command == "DELETE":
            return 204, {}, b""
        bucket, _, key = name.partition("/")
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        whole = b"".join(part for _, part in sorted(parts.items()))
        status, _, _ = self.forward("POST", path, {"content-type": "application/octet-stream"}, whole)
        return status, {"content-type": "application/xml"}, b"<R/>"

    def log_message(self, *_):
        pass
