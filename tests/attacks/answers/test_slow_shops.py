"""A shop that answers each visit slowly, and still in time, holds a worker for so long in all, and no longer"""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from controller.jobs.shop.checks import shop_checks
from controller.jobs.shop.checks.visits import Site
from controller.shop_address import HTTP, ShopAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.attacks.table import attack
from tests.support.waiting import wait_until

#: Seconds of one answer, and of all visits: half of the pages would take longer.
ANSWER, ALL = 0.3, 3.0
PAGES = 30
CHECKS = [{"name": f"page{number}", "path": f"/{number}", "status": [200]} for number in range(PAGES)]
RENDERER = Renderer("0123abcd", {})


class SlowShop:
    """A shop whose every page is as it should be, and takes its time; `asked` are the paths of its visits."""

    def __init__(self):
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                shop.asked.append(self.path)
                time.sleep(ANSWER)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(shop.page)

            def log_message(self, *_):
                pass

        self.asked = []
        self.page = b"<html>a page</html>"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def site(self):
        port = self._server.server_address[1]
        return Site("127.0.0.1", port, ShopAddress(HTTP, "shop.example", port))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shop():
    made = SlowShop()
    yield made
    made.close()


def refused(call):
    with pytest.raises(ShoplaunchError) as caught:
        call()
    assert caught.value.code == "check_failed"
    return caught.value.message


@attack(
    "clients' shops answer each visit slowly, so that looking at them holds up all other jobs of their server",
    "all visits of a look have one deadline; what is not visited by then fails the check",
)
def test_all_visits_of_a_look_have_one_deadline(shop):
    message = refused(lambda: shop_checks.run_checks(shop.site, CHECKS, RENDERER, end=time.monotonic() + ALL))
    assert "in all" in message or "in time" in message
    assert 0 < len(shop.asked) < PAGES


def test_what_a_page_names_is_asked_for_within_that_deadline(shop):
    shop.page = b"".join(b"<img src='/%d.png'>" % number for number in range(PAGES))
    front = {"name": "front", "path": "/", "status": [200], "assets": {"img": PAGES}}
    refused(lambda: shop_checks.run_checks(shop.site, [front, *CHECKS], RENDERER, end=time.monotonic() + ALL))
    assert 0 < len(shop.asked) < PAGES


def test_a_look_without_a_deadline_of_its_callers_has_the_usual_one(shop, monkeypatch):
    monkeypatch.setattr(shop_checks, "ALL_SECONDS", ALL)
    refused(lambda: shop_checks.run_checks(shop.site, CHECKS, RENDERER))
    assert 0 < len(shop.asked) < PAGES


def test_a_shop_that_answers_in_time_passes(shop):
    assert len(shop_checks.run_checks(shop.site, CHECKS[:2], RENDERER)) == 2


class Held(dict):
    """Pages of a site that answers nobody before it is `opened`."""

    def __init__(self, pages):
        super().__init__(pages)
        self.opened = threading.Event()

    def get(self, *arguments):
        self.opened.wait(60)
        return super().get(*arguments)


@attack(
    "as many clients of one server as it has slots let the visits of their shops take as long as they may",
    "visits leave one slot to everything else, so that the server's next order is prepared meanwhile",
)
def test_slow_shops_leave_their_server_to_others(world, request):
    dropped = [
        world.dropped(domain=f"slow{number}.example.com", account=f"slow{number}") for number in range(PER_SERVER)
    ]
    for _job, agent in dropped:
        agent.restore()
        agent.clean()
    pages = world.site.pages = Held(world.site.pages)
    worker = world.service.jobs.worker(lambda _why: None)
    request.addfinalizer(worker.stop)
    request.addfinalizer(pages.opened.set)
    worker.start()
    wait_until(lambda: len({host for _path, host, _cookies in world.site.requests}) == PER_SERVER - 1)
    order = world.order(domain="next.example.com", account="next")
    wait_until(lambda: world.job(order).state == "dropped")
    assert [world.steps(job)["check"].error for job, _agent in dropped] == [None] * PER_SERVER
    pages.opened.set()
    wait_until(lambda: len({host for _path, host, _cookies in world.site.requests}) == PER_SERVER)
