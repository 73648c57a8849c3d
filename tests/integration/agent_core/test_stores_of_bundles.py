"""What a store may do to an agent: expire in the middle, cut, ignore ranges, send elsewhere, refuse, be gone."""

import http.server
import json
import threading

import pytest

from agent.base.log import secrets_of
from agent.bundle.fetch import fetch
from agent.bundle.source import Source, source_of
from agent.reporting.http import HttpClient
from shared.errors import ShoplaunchError
from tests.support.answers import send_answer
from tests.support.servers.web.bundle_server import BundleServer
from tests.support.worlds.agent_box import sample_members, write_bundle


class Controller:
    """Names `urls`, one after the other and the last one again, with `status`; `tokens` are those that asked."""

    def __init__(self):
        self.urls, self.status, self.tokens = [], 200, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.tokens.append(self.headers["Authorization"])
                url = outer.urls.pop(0) if len(outer.urls) > 1 else outer.urls[0]
                send_answer(self, outer.status, {}, json.dumps({"url": url}).encode())

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def controller():
    running = Controller()
    yield running
    running.close()


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "shop.bundle"
    pin = write_bundle(path, sample_members())
    running = BundleServer(path.read_bytes())
    running.pin = pin
    running.signed = running.url + "?X-Amz-Signature=abc"
    yield running
    running.close()


@pytest.fixture
def job(store, controller):
    """A job whose bundle lies in the store; the controller names the same address again."""
    controller.urls = [store.signed]
    renew = f"{controller.url}/api/v1/agent/bundle/classic/address"
    return {
        "callback": {"url": f"{controller.url}/api/v1/agent/events", "token": "secret" * 4},
        "bundle": {**store.pin, "url": store.signed, "renew": renew},
        "values": {},
    }


def fetched(job, path, idle=60.0):
    """Fetch the bundle of `job`; return its bytes."""
    fetch(source_of(job, HttpClient()), str(path), idle_seconds=idle, sleep=lambda seconds: None)
    return path.read_bytes()


def test_an_address_that_expires_in_the_middle_is_renewed_and_no_byte_comes_twice(job, store, controller, tmp_path):
    store.budget = 1500
    store.after = [lambda: setattr(store, "status", 403)]
    renewed, answer = controller.tokens, store.serve

    def serve(handler):
        store.status = None if len(renewed) else store.status
        answer(handler)

    store.serve = serve
    assert fetched(job, tmp_path / "f") == store.content
    assert store.asked[:3] == [None, "bytes=1500-", "bytes=1500-"]
    assert renewed == ["Bearer " + job["callback"]["token"]]
    assert set(store.tokens) == {None}


@pytest.mark.parametrize("habit", ["cut", "no ranges"])
def test_a_store_that_cuts_or_ignores_ranges_is_read_to_its_end(job, store, tmp_path, habit):
    (tmp_path / f"f.{store.pin['manifest_sha256'][:16]}.part").write_bytes(store.content[:1000])
    store.ranges = habit == "cut"
    store.budget = 1500 if habit == "cut" else None
    assert fetched(job, tmp_path / "f") == store.content


@pytest.mark.parametrize("status", [400, 401, 403, 404, 503])
def test_a_store_that_refuses_is_an_error_of_its_own_and_names_no_address(job, store, tmp_path, status):
    store.status = status
    with pytest.raises(ShoplaunchError, match="bundle_store_failed") as caught:
        fetched(job, tmp_path / "f", idle=0.0)
    assert "Amz" not in str(caught.value)


def test_a_store_that_is_gone_is_waited_for_at_the_next_tick(job, store, tmp_path):
    store.close()
    with pytest.raises(ShoplaunchError, match="bundle_store_failed") as caught:
        fetched(job, tmp_path / "f", idle=0.0)
    assert caught.value.retryable
    assert "Amz" not in str(caught.value)


def test_a_redirect_of_the_store_is_not_followed(job, store, tmp_path):
    elsewhere = BundleServer(store.content)
    store.redirect = elsewhere.url
    try:
        with pytest.raises(ShoplaunchError, match="bundle_store_failed"):
            fetched(job, tmp_path / "f")
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/shop.bundle?X-Amz-Signature=abc", "http://store.example.com/x", "file:///etc/passwd", "{}",
     "https://127.0.0.1/shop bundle", "http://user:secret@127.0.0.1/x", "", None, 7, ["x"]],
)  # fmt: skip
def test_an_address_that_is_neither_the_stores_nor_the_controllers_is_not_asked(job, store, controller, tmp_path, url):
    store.status, controller.urls = 403, [url]
    with pytest.raises(ShoplaunchError, match=r"bundle_store_failed: .*the new address is") as caught:
        fetched(job, tmp_path / "f")
    assert (len(store.asked), "Amz" in str(caught.value)) == (1, False)


@pytest.mark.parametrize(("status", "code"), [(409, "superseded"), (410, "cancelled"), (401, "bundle_store_failed")])
def test_what_the_controller_says_when_it_is_asked_for_an_address_counts(
    job, store, controller, tmp_path, status, code
):
    store.status, controller.status = 403, status
    with pytest.raises(ShoplaunchError, match=code):
        fetched(job, tmp_path / "f", idle=0.0)


@pytest.mark.parametrize("status", [409, 410])
def test_a_store_ends_no_job(job, store, tmp_path, status):
    store.status = status
    with pytest.raises(ShoplaunchError, match="bundle_store_failed"):
        fetched(job, tmp_path / "f")


def test_the_token_goes_to_no_other_server_than_the_controller(job, store, controller, tmp_path):
    store.status = 403
    job["bundle"]["renew"] = store.url + "/address"
    with pytest.raises(ShoplaunchError, match="job_invalid"):
        fetched(job, tmp_path / "f")
    assert (set(store.tokens), controller.tokens) == ({None}, [])


def test_a_store_behind_the_controllers_own_name_gets_no_token(job, store, tmp_path):
    job["callback"]["url"] = store.url
    assert fetched(job, tmp_path / "f") == store.content
    assert set(store.tokens) == {None}


def test_the_controllers_own_address_gets_the_token_and_what_it_says_counts(job, store, controller, tmp_path):
    # Stands for the controller: the same origin, the bundle's own address
    own = store.url
    job["callback"]["url"] = own
    job["bundle"]["renew"] = own + "/address"
    source = Source(job["bundle"], HttpClient(), None, job["callback"])
    source._take(own)
    fetch(source, str(tmp_path / "f"), sleep=lambda seconds: None)
    assert store.tokens == ["Bearer " + job["callback"]["token"]]


def test_the_signature_counts_as_a_secret_of_the_log(job):
    assert "X-Amz-Signature=abc" in secrets_of(job)


def test_an_address_with_a_blank_is_refused_before_a_library_quotes_it(job, store, tmp_path):
    job["bundle"]["url"] = store.signed + " x"
    with pytest.raises(ShoplaunchError, match="job_invalid") as caught:
        fetched(job, tmp_path / "f")
    assert "Amz" not in str(caught.value)
