# SPDX-License-Identifier: Apache-2.0
"""A token endpoint of OAuth 2.0 (RFC 6749) for endpoints that want a bearer token."""

import base64
import contextlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse
from dataclasses import dataclass

from harness import TOKEN_PREFIX


@dataclass(frozen=True)
class Asked:
    """What a token was asked for with. `place`: where the client said who it is, "header" or "body"."""

    place: str
    client: tuple[str | None, str | None]  # id and secret
    form: dict[str, str]


class TokenServer:
    """Client credentials for one client, by header and body, in threads of its own.

    Tokens are opaque, and say that they live `expires_in` seconds; in truth it is `grace` more, for a machine that
    stands still between a look at the clock and a request. Attributes can be changed at any time:

    refuse   answer invalid_client
    delay    seconds before each answer
    answer   (status, body) instead of a token
    """

    def __init__(self, client_id="hookline", client_secret=None, expires_in=3600, grace=2.0):
        self.client = (client_id, client_secret or "cs-" + secrets.token_urlsafe(24))
        self.expires_in, self.grace = expires_in, grace
        self.refuse, self.delay, self.answer = False, 0.0, None
        self.asked = []
        self.issued, self.issued_at = 0, 0.0  # how many, and when the last one was; monotonic
        self._valid = {}  # until when
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="tokens", daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def auth(self, **more):
        """A subscription's `auth` for it."""
        return {"oauth2": {
            "token_url": self.url, "client_id": self.client[0], "client_secret": self.client[1]} | more}

    def accepts(self, request):
        """Whether a request has a token that is good now."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            return scheme == "Bearer" and time.monotonic() < self._valid.get(token, 0)

    def revoke(self):
        """All that were issued are good no more."""
        with self._lock:
            self._valid.clear()

    def close(self):
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _issue(self):
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            self.issued_at = time.monotonic()
            self.issued += 1
            self._valid[token] = self.issued_at + self.expires_in + self.grace
        return 200, json.dumps({
            "access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}).encode()

    def _respond(self, asked):
        with self._lock:
            self.asked.append(asked)
        if self.delay:
            self._stopping.wait(self.delay)
        if self.answer:
            return self.answer
        if self.refuse or asked.client != self.client:
            return 401, b'{"error": "invalid_client", "error_description": "go away"}'
        if asked.form.get("grant_type") != "client_credentials":
            return 400, b'{"error": "unsupported_grant_type"}'
        return self._issue()

    def _handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = server._respond(_asked(self.headers, body))
                with contextlib.suppress(OSError):  # whoever asked may have given up
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_args):
                pass

        return Handler


def _asked(headers, body):
    form = dict(urllib.parse.parse_qsl(body.decode("ascii"), strict_parsing=True))
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        client = base64.b64decode(value, validate=True).decode("ascii").partition(":")[::2]
        return Asked("header", tuple(urllib.parse.unquote_plus(part) for part in client), form)
    return Asked("body", (form.get("client_id"), form.get("client_secret")), form)
