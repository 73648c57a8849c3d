"""The OpenAPI document is what the controller does, and programs in three languages sign alike."""

import gzip
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from controller.web.api.openapi import PATH, document
from shared.schema import validate
from tests.support.worlds.web_site import KEY, Site, an_order

CLIENTS = Path(__file__).parents[4] / "packaging" / "clients"
sys.path.insert(0, str(CLIENTS))
from shoplaunch_client import Client, Refused, signature  # noqa: E402

VECTORS = json.loads((CLIENTS / "vectors.json").read_text("utf-8"))
#: Without what is said of signatures and tokens: these tests sign each request as it is sent.
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(json.dumps(document()), object_hook=lambda one: {k: v for k, v in one.items() if k != "security"})
)
OPERATIONS = [(path, method) for path, item in document()["paths"].items() for method in item]
OF = {(path, method): document()["paths"][path][method] for path, method in OPERATIONS}
#: What no operation takes as its body.
BODIES = {
    "nothing": b"", "half": b'{"event":', "no object": b"[]", "a text": b'"{}"', "twice": b'{"step":1,"step":2}',
    "UTF-16": '{"step":"x"}'.encode("utf-16"), "Latin-1": b'{"step":"\xe4"}', "a mark": b"\xef\xbb\xbf{}",
    "overlong": b'{"step":"\xc0\xaf"}', "gzip": gzip.compress(b"{}"), "no number": b'{"step":NaN}',
    "a large number": b'{"step":' + b"9" * 5000 + b"}", "deep": b'{"step":' * 50_000,
    "a form": b"step=x&event=y", "too large": b'{"step":"' + b"x" * 1_200_000 + b'"}',
}  # fmt: skip
#: No service's and no bundle's.
NAMES = ("%ff%fe", "%00", "%C3%A4", "a%20b", "%2e%2e", "x" * 300, "a%0d%0ab", "%E2%80%AE")
#: A server, a bundle and a domain have to exist, and no schema says which ones do.
UNCHECKED = [positive_data_acceptance]
SIGNERS = {
    "php": ["php", "-n", str(CLIENTS / "sign.php")],
    "sh": ["sh", str(CLIENTS / "sign.sh")],
    "node": ["node", str(CLIENTS / "sign.mjs")],
}


@pytest.fixture(scope="module")
def own():
    """A controller for these tests alone: thousands of odd orders are refused there."""
    with Site() as made:
        yield made.start()


@pytest.fixture
def client(own):
    return Client(own.url, KEY, own.secret)


class Signed(requests.auth.AuthBase):
    """Signs each request as it is sent."""

    def __init__(self, client):
        self.client = client

    def __call__(self, request):
        body = request.body or b""
        body = body.encode("utf-8") if isinstance(body, str) else body
        request.headers.update(self.client.headers(request.method, request.path_url, body))
        return request


class Bearer(requests.auth.AuthBase):
    """Shows an agent's token."""

    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def test_the_document_is_served_to_everybody(own):
    answer = requests.get(own.url + PATH, timeout=30)
    assert (answer.status_code, answer.json()) == (200, document())


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_the_answer_is_one_of_the_document(own, client, path, method, mode):
    operation = SCHEMA[path][method]
    job = own.put(own.order(), "dropped", attempt=1)
    auth = Bearer(own.agent_token(job)) if "agent" in path else Signed(client)

    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def asked(case):
        answer = case.call(base_url=own.url, auth=auth, timeout=60)
        # What is too large is refused before it is read
        excluded = [*UNCHECKED, *([negative_data_rejection] if answer.status_code == 413 else [])]
        case.validate_response(answer, excluded_checks=excluded)

    asked()


def answered(own, path, method, target, auth, body, **headers):
    """Send it, and return the answer's status; the document has to know it, and a refusal to say why."""
    headers = {"Content-Type": "application/json", **headers}
    answer = requests.request(method, own.url + target, data=body, auth=auth, headers=headers, timeout=60)
    where = (path, target[:80], body[:40], headers, answer.status_code, answer.text[:300])
    assert str(answer.status_code) in document()["paths"][path][method]["responses"], where
    if answer.status_code >= 400 and answer.status_code != 416:
        assert answer.headers["Content-Type"] == "application/problem+json" and answer.json()["status"], where
    return answer.status_code


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if "requestBody" in OF[one]])
def test_bodies_of_wrong_sizes_and_encodings_are_refused_as_the_document_says(own, client, path, method):
    job = own.put(own.order(), "dropped", attempt=1)
    auth = Bearer(own.agent_token(job)) if "agent" in path else Signed(client)
    target = path.format(service_id=job.id)
    found = {name: answered(own, path, method, target, auth, body) for name, body in BODIES.items()}
    packed = {"Content-Encoding": "gzip"}
    found["packed"] = answered(own, path, method, target, auth, BODIES["gzip"], **packed)
    assert {name: status for name, status in found.items() if status not in (400, 413, 422)} == {}
    assert found["too large"] == 413


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if "{" in one[0]])
def test_names_in_wrong_encodings_are_refused_as_the_document_says(own, client, path, method):
    job = own.put(own.order(), "dropped", attempt=1)
    auth = Bearer(own.agent_token(job)) if "agent" in path else Signed(client)
    for name in NAMES:
        target = path.replace("{service_id}", name).replace("{name}", name)
        assert answered(own, path, method, target, auth, b"{}" if method == "post" else b"") in (401, 404, 422)


def test_ranges_that_are_none_get_the_whole_or_are_refused(own):
    path = next(path for path, _method in OPERATIONS if path.endswith("{name}"))
    (own.home / "bundles" / "boutique.bundle").write_bytes(b"b")
    for text in ("bytes=5-2", "bytes=-", "bytes=0-0,0-0", "items=0-1", "bytes=0-" + "9" * 400, "bytes=ä-", "x" * 3000):
        # One job may begin only so many in a row
        auth = Bearer(own.agent_token(own.put(own.order(), "dropped", attempt=1)))
        headers = {"Range": text.encode("latin-1")}
        assert answered(own, path, "get", path.format(name="boutique"), auth, b"", **headers) in (200, 206, 416)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_without_a_signature_or_a_token_every_operation_is_refused(own, path, method):
    answer = requests.request(method, own.url + path.format(service_id="1", name="x"), json={}, timeout=30)
    assert answer.status_code == 401 and answer.json()["code"] in ("request_unsigned", "token_invalid")


def test_a_program_orders_asks_and_retries_with_the_client(own, client):
    order = an_order(service_id="4711")
    status = validate("service", client.order(order), "order_invalid")
    assert client.service("4711") == client.service(status["id"])
    with pytest.raises(Refused) as caught:
        client.retry("4711")
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (409, "illegal_transition", False)
    with pytest.raises(Refused) as caught:
        client.service("a b")
    assert caught.value.code == "service_unknown" and caught.value.advice


def test_the_same_event_of_a_client_is_done_once(own, client):
    order, event = an_order(), "6f1d2c3b-4a59-4e68-8f70-1b2c3d4e5f60"
    first = client.order(order, event)
    # A signature is used once, and a second later there is another one
    time.sleep(1.1)
    assert client.order(order, event) == first
    assert len([job for job in own.service.jobs.listed() if job.domain == order["domain"]]) == 1


@pytest.mark.parametrize("language", ["python", *SIGNERS])
@pytest.mark.parametrize("vector", VECTORS, ids=[one["name"] for one in VECTORS])
def test_the_signature_of_a_request_is_the_same_in_each_language(vector, language):
    words = [vector[name] for name in ("secret", "timestamp", "event", "method", "target")]
    body = vector["body"].encode("utf-8")
    if language == "python":
        assert signature(*words, body) == vector["signature"]
        return
    if shutil.which(SIGNERS[language][0]) is None:
        pytest.skip(f"no {language} here")
    made = subprocess.run([*SIGNERS[language], *words], input=body, capture_output=True, check=True)
    assert made.stdout.decode().strip() == vector["signature"]
