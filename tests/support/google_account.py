"""A Google service account for tests: a key file whose tokens come from a server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ADDRESS = "tests@example.iam.gserviceaccount.com"


class TokenServer(HTTPServer):
    """Gives a token to whoever asks."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def write_key_file(self, path):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        content = {
            "type": "service_account",
            "project_id": "example-project",
            "private_key_id": "1",
            "private_key": key.private_bytes(*pem).decode(),
            "client_email": ADDRESS,
            "client_id": "1",
            "token_uri": f"http://127.0.0.1:{self.server_port}/token",
        }
        path.write_text(json.dumps(content))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        content = json.dumps({"access_token": "a token", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
