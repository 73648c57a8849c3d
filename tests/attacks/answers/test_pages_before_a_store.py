"""A proxy that answers in the place of an object store: its page is neither a stored bundle nor a removed one."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.object_store.store import ObjectStore
from controller.settings.sections import BundleStoreConfig
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

CONTENT = b"a bundle"
PAGE = b"<html><h1>Back in a minute</h1></html>"
GONE = b"<Error><Code>NoSuchKey</Code></Error>"


@contextmanager
def answering(answers):
    """Yield the store behind a server that answers each method of `answers` with (status, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answers[self.command]
            self.send_response(status)
            if status != 204:
                headers = {"Content-Length": len(body), **headers}
            for name, value in headers.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_PUT = do_HEAD = do_DELETE = answer

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield ObjectStore(
                BundleStoreConfig(
                    endpoint=f"http://127.0.0.1:{server.server_port}", bucket="shops", access_key="A", secret_key="b"
                )
            )
        finally:
            server.shutdown()
            thread.join()


def stored(etag, size=len(CONTENT)):
    """Return the answer of a store to HEAD of what it holds."""
    return 200, {"ETag": etag, "Content-Length": size}, b""


PAGES_FOR_DELETE = {
    "a page": (200, {}, PAGE),
    "nothing": (200, {}, b""),
    "taken on": (202, {}, b""),
    "a page that says 404": (404, {}, PAGE),
}
PAGES_FOR_PUT = {
    "a page": ((200, {}, PAGE), stored('"old"')),
    "a page with a mark": ((200, {"ETag": '"page"'}, PAGE), stored('"old"')),
    "made elsewhere": ((201, {}, b""), stored('"old"')),
    "nothing": ((204, {}, b""), stored('"old"')),
    "a page for HEAD": ((200, {"ETag": '"new"'}, b""), (200, {"Content-Length": len(CONTENT)}, b"")),
}


@attack(
    "a proxy in front of the object store answers a removal with a page of its own, as done or as not found",
    "the bundle counts as removed only where the store itself says so: 204, or its own code for no such object",
)
@pytest.mark.parametrize("page", PAGES_FOR_DELETE.values(), ids=PAGES_FOR_DELETE)
def test_a_page_removes_nothing(page):
    with answering({"DELETE": page}) as store, pytest.raises(ShoplaunchError) as caught:
        store.remove("x.bundle", 0)
    assert caught.value.code == "bundle_store_failed"
    assert f"answered {page[0]}" in caught.value.message


@pytest.mark.parametrize("answer", [(204, {}, b""), (404, {}, GONE)], ids=["removed", "not there"])
def test_what_the_store_says_itself_is_believed(answer):
    with answering({"DELETE": answer}) as store:
        store.remove("x.bundle", 0)


@attack(
    "a proxy in front of the object store answers an upload, or the look after it, with a page of its own",
    "the bundle counts as stored only where both answers name one and the same object of the right size",
)
@pytest.mark.parametrize("pages", PAGES_FOR_PUT.values(), ids=PAGES_FOR_PUT)
def test_a_page_stores_nothing(pages, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    put, head = pages
    with answering({"PUT": put, "HEAD": head}) as store, pytest.raises(ShoplaunchError) as caught:
        store.put("x.bundle", tmp_path / "file", "0" * 64, 0)
    assert caught.value.code == "bundle_store_failed"


def test_a_mark_that_a_proxy_has_weakened_is_the_same(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    with answering({"PUT": (200, {"ETag": '"new"'}, b""), "HEAD": stored('W/"new"')}) as store:
        store.put("x.bundle", tmp_path / "file", "0" * 64, 0)
