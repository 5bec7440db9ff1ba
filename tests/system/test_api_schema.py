# SPDX-License-Identifier: Apache-2.0
"""The API answers what its OpenAPI document says, to whatever it is asked, with whatever token."""

import os
import subprocess
import sys

import openapi_spec_validator
import pytest

from api import Api
from harness import Site

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
FULL = os.environ.get("HOOKLINE_TEST_SIZE") == "full"
EXAMPLES = 60 if FULL else 4
TOKENS = ["root", "admin", "operator", "viewer", "wrong"] if FULL else ["root", "viewer", "wrong"]


@pytest.fixture(scope="module")
def api(kafka, tmp_path_factory):
    site = Site(kafka, tmp_path_factory.mktemp("schema"))
    api = Api(site)
    site.start("consumer")  # makes the test deliveries
    for tenant, token in (("acme", "admin"), ("other", "other")):
        api.ok("POST", f"/tenants/{tenant}/subscriptions",
               {"id": "orders", "url": "https://hooks.example.com/", "events": ["call.*"]}, token=token)
    yield api
    site.close()


def test_the_document_is_valid(api):
    openapi_spec_validator.validate(api.call("GET", "/openapi.json", token=None).json)


@pytest.mark.parametrize("token", TOKENS)
def test_nothing_undocumented(api, token, tmp_path):
    """No 5xx and no undocumented answer."""
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", api.root + "/openapi.json", "--no-color",
         "--header", f"Authorization: Bearer {api.tokens.get(token, token)}", "--checks", CHECKS,
         "--max-examples", str(EXAMPLES),
         "--generation-database", "none", "--phases", "examples,coverage,fuzzing"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout[-6000:]
    assert api.console.running()
