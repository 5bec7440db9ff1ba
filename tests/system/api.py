# SPDX-License-Identifier: Apache-2.0
"""A console under test, and requests to its API."""

import json
import urllib.error
import urllib.request

from harness import SECRET, free_port


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Api:
    """The API of a console that is started with tokens of every kind: viewer, operator and admin of the
    tenant `acme`, admin of the tenant `other`, and root, an admin of all."""

    TOKENS = {
        "viewer": ("viewer", "acme"), "operator": ("operator", "acme"), "admin": ("admin", "acme"),
        "other": ("admin", "other"), "root": ("admin", "*")}

    def __init__(self, site, **settings):
        self.site = site
        self.context = None  # of TLS
        self.file = site.directory / "tokens.json"
        self.tokens = {
            name: site.cli("token", "create", "--name", name, "--role", role, "--tenant", tenant,
                           "--file", self.file).stdout.decode().strip()
            for name, (role, tenant) in self.TOKENS.items()}
        site.hidden |= {token.encode() for token in self.tokens.values()}
        self.console = self.start(**settings)

    def start(self, **settings):
        """Starts a console, one more if there is one; returns it. Requests go to the last one."""
        self.port = free_port()
        return self.site.start("console", console={
            "listen": f"127.0.0.1:{self.port}", "tokens_file": str(self.file), "rate_limit": 100000}
            | settings.pop("console", {}), **settings)

    @property
    def root(self):
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}/api/v1"

    def call(self, method, path, body=None, token="admin", headers=None, data=None, timeout=60):
        headers = dict(headers or {})
        if token:
            headers.setdefault("authorization", f"Bearer {self.tokens.get(token, token)}")
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            headers.setdefault("content-type", "application/json")
        request = urllib.request.Request(self.root + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                reply = Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            reply = Reply(error.code, error.headers, error.read())
        # Secrets are shown by what makes them, once.
        shown = reply.status == 201 or path.endswith(("/rotate-secret", "/openapi.json"))
        assert shown or not SECRET.search(reply.body), reply
        return reply

    def ok(self, method, path, body=None, **more):
        """The answer's JSON, of a request that must succeed."""
        reply = self.call(method, path, body, **more)
        assert reply.status in (200, 201), reply
        return reply.json

    def refused(self, status, method, path, body=None, **more):
        """The problem's detail, of a request that must be answered with that status."""
        reply = self.call(method, path, body, **more)
        assert reply.status == status, reply
        assert reply.headers["content-type"] == "application/problem+json", reply.headers
        assert reply.json["status"] == status and reply.json["title"]
        return reply.json["detail"]
