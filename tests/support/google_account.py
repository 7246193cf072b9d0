"""A Google service account for tests: a key file whose tokens come from a server on this machine."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.stub_server import StubHandler, StubServer

ADDRESS = "tests@example.iam.gserviceaccount.com"


class TokenServer(StubServer):
    """Gives a token to whoever asks."""

    def __init__(self) -> None:
        super().__init__(Handler)

    def write_key_file(self, path: Path) -> None:
        """Write the key file of an account whose tokens come from here."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        content = {
            "type": "service_account",
            "project_id": "example-project",
            "private_key_id": "1",
            "private_key": key.private_bytes(*pem).decode(),
            "client_email": ADDRESS,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(content))


class Handler(StubHandler):
    """Answers as Google's token endpoint does."""

    def respond(self, body: bytes) -> None:
        """Answer with a token."""
        self.send_json(200, {"access_token": "a token", "expires_in": 3600, "token_type": "Bearer"})
