"""GET /api/v1/agent/bundle/<name>: real agents fetch from a real web server; who may not, gets nothing."""

import contextlib
import hashlib
import os
import secrets
import time

import pytest
import requests

from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.web.api.throttle import AT_ONCE
from shared.bundle import LEAST_RATE_HEADER
from tests.support.servers.web.controller_stub import Controller
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import Box, Keys, sample_members, write_bundle
from tests.support.worlds.web_site import Site

PIECE = 300_000
SLOW = 100_000
NAME = "classic"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A controller that notes what parts it was asked for (never a token)."""
    log = tmp_path_factory.mktemp("log") / "access"
    settings = f"--access-logfile {log} --access-logformat '%(m)s|%({{range}}i)s|%(s)s|%(B)s'"
    running = Site(GUNICORN_CMD_ARGS=settings)
    running.access_log = log
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def pin(site):
    """The bundle `classic` lies with the controller; what a job pins of it."""
    return put_bundle(site, NAME)


def put_bundle(site, name):
    site.service.config.bundles.mkdir(exist_ok=True)
    path = site.service.installation.bundles.path(name)
    pinned = write_bundle(path, {**sample_members(), "files/0003.tar.gz": ("files", False, os.urandom(PIECE * 3))})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    row = Bundle(name, digest, path.stat().st_size, pinned["manifest_sha256"], "sample", "1", time.time())
    transact(site.service.installation.engine, lambda connection: bundles.add(connection, row))
    return {**pinned, "name": name, "url": f"{site.url}/api/v1/agent/bundle/{name}"}


@pytest.fixture
def server(site):
    """Make a server with the given settings known; return its name."""

    def make(**settings):
        name = "s" + secrets.token_hex(4)
        row = Server(name=name, panel="cpanel", settings=settings)
        transact(site.service.installation.engine, lambda connection: servers.add(connection, row, time.time()))
        return name

    return make


@pytest.fixture
def job(site, pin, server):
    def make(state="dropped", attempt=1, bundle=NAME, **settings):
        placed = site.order(server=server(**settings), bundle=bundle)
        return site.put(placed, state, attempt=attempt, step="agent")

    return make


@pytest.fixture
def agent(site, pin):
    """Return a function that makes an account with the real agent and the job's file in it."""
    keys = Keys()
    keys.private, keys.public = (
        site.service.installation.keys.signing[-1],
        site.service.installation.keys.public_keys()[-1],
    )
    boxes = []

    def make(job, pinned=pin, callback=None):
        box = Box(None, keys)
        boxes.append(box)
        box.id = job.id
        box.pin = pinned
        events = callback or f"{site.url}/api/v1/agent/events"
        box.drop(callback={"url": events, "token": site.agent_token(job, job.attempt)})
        return box

    yield make
    for box in boxes:
        box.close()


def get(site, token, name=NAME, method="GET", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return requests.request(method, f"{site.url}/api/v1/agent/bundle/{name}", headers=headers, timeout=120)


def part_of(box):
    return box.folder / f"shop.bundle.{box.pin['manifest_sha256'][:16]}.part"


def arrived(box):
    with contextlib.suppress(FileNotFoundError):
        return part_of(box).stat().st_size
    return 0


def test_an_agent_fetches_its_bundle_and_finishes_its_work(site, job, agent):
    placed = job()
    box = agent(placed)
    assert box.run() == 0, box.errors
    assert site.service.jobs.get(placed.id).state == "finishing"
    assert not box.folder.exists()


@pytest.mark.sampled(of=2, rests=True)
def test_a_killed_agent_fetches_only_what_is_missing(site, job, agent):
    box = agent(job(fetch_rate=SLOW))
    process = box.start("run")
    box.wait_for(lambda: arrived(box) > PIECE)
    box._end_session(process)
    kept = arrived(box)
    assert 0 < kept < box.pin["size"]
    site.access_log.write_text("")
    assert box.run() == 0, box.errors
    asked = [line.split("|") for line in site.access_log.read_text().splitlines() if line.startswith("GET")]
    assert ["GET", f"bytes={kept}-", "206", str(box.pin["size"] - kept)] in asked
    # The one that was cut off may have been noted late
    assert len([line for line in asked if line[2] == "200"]) <= 1


def test_an_agent_learns_how_slow_its_operators_limit_makes_it(site, job):
    for rate, reported in ((80_000, "10000"), (4, "1"), (0, None)):
        token = site.agent_token(site.service.jobs.get(job(fetch_rate=rate).id))
        assert get(site, token, method="HEAD").headers.get(LEAST_RATE_HEADER) == reported


@pytest.mark.sampled(of=2, rests=True)
def test_a_cut_download_goes_on(site, job, agent):
    box = agent(job(fetch_rate=SLOW))
    process = box.start("run")
    box.wait_for(lambda: arrived(box) > PIECE)
    # A second download of the job ends the first, as a restarted server would
    with requests.get(
        f"{site.url}/api/v1/agent/bundle/{NAME}",
        headers={"Authorization": f"Bearer {site.agent_token(site.service.jobs.get(box.id))}"},
        stream=True,
        timeout=120,
    ) as other:
        assert other.status_code == 200
    box.output, box.errors = process.communicate(timeout=120)
    assert process.returncode == 0, box.errors


def test_a_part_of_another_file_is_not_gone_on_with(site, job, agent):
    box = agent(job())
    part_of(box).write_bytes(b"\0" * 5000)
    mark = part_of(box).with_name(part_of(box).name.replace(".part", ".etag.part"))
    mark.write_text('"another"')
    box.own()
    assert box.run() == 0, box.errors


def test_what_lies_behind_the_end_cannot_be_had(site, job):
    size = site.service.installation.bundles.path(NAME).stat().st_size
    answer = get(site, site.agent_token(job()), Range=f"bytes={size}-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_whole_part_and_end_are_sent_as_asked(site, job):
    token = site.agent_token(job())
    whole = site.service.installation.bundles.path(NAME).read_bytes()
    mark = f'"{hashlib.sha256(whole).hexdigest()}"'
    answer = get(site, token)
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, whole, mark)
    assert answer.headers["Content-Length"] == str(len(whole))
    assert answer.headers["Accept-Ranges"] == "bytes"
    for text, start, stop in (("5-", 5, len(whole)), ("7-9", 7, 10), ("-4", len(whole) - 4, len(whole))):
        answer = get(site, token, Range=f"bytes={text}", If_Range=mark)
        assert (answer.status_code, answer.content) == (206, whole[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    for headers in ({"Range": "bytes=5-", "If_Range": '"other"'}, {"Range": "bytes=1-2,5-6"}, {"Range": "x=1-"}):
        answer = get(site, token, **headers)
        assert (answer.status_code, answer.content) == (200, whole)
    answer = get(site, token, method="HEAD")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(whole)))


@pytest.mark.parametrize("token", [None, "nonsense", "x" * 5000])
def test_without_a_token_nothing_is_sent(site, pin, token):
    answer = get(site, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_another_jobs_bundle_and_an_unknown_one_are_refused_alike(site, job):
    put_bundle(site, "other")
    token = site.agent_token(job())
    answers = [get(site, token, name) for name in ("other", "unknown", "..", "%2e%2e%2fkeys%2fsigning")]
    assert {answer.status_code for answer in answers[:2]} == {401}
    assert answers[0].json()["title"] == answers[1].json()["title"]
    assert {answer.status_code for answer in answers[2:]} <= {401, 404}


@pytest.mark.parametrize(
    ("state", "attempt", "status", "code"),
    [
        ("dropped", 2, 409, "superseded"),
        ("cancelled", 1, 410, "cancelled"),
        ("live", 1, 401, "token_invalid"),
        ("failed", 1, 401, "token_invalid"),
    ],
)
def test_a_token_opens_only_while_its_attempt_works(site, job, state, attempt, status, code):
    answer = get(site, site.agent_token(job(state, attempt)))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_agent_whose_attempt_was_taken_over_touches_nothing(site, job, agent):
    placed = job()
    box = agent(placed)
    site.put(site.service.jobs.get(placed.id), "dropped", attempt=2)
    before = sorted(os.listdir(box.folder))
    assert box.run() == 4
    assert set(before) <= set(os.listdir(box.folder))


def test_a_bundle_that_is_not_as_it_was_added_is_not_sent(site, job):
    put_bundle(site, "cut")
    path = site.service.installation.bundles.path("cut")
    path.write_bytes(path.read_bytes()[:-1])
    answer = get(site, site.agent_token(job(bundle="cut")), "cut")
    assert (answer.status_code, answer.json()["code"]) == (404, "bundle_missing")


def test_only_so_many_are_sent_at_once_and_the_others_are_asked_to_come_back(site, job):
    jobs = [job(fetch_rate=20_000) for _ in range(AT_ONCE + 1)]
    running = []
    try:
        for placed in jobs[:-1]:
            headers = {"Authorization": f"Bearer {site.agent_token(placed)}"}
            url = f"{site.url}/api/v1/agent/bundle/{NAME}"
            running.append(requests.get(url, headers=headers, stream=True, timeout=120))
        answer = get(site, site.agent_token(jobs[-1]))
        assert (answer.status_code, answer.json()["code"]) == (503, "downloads_busy")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        for one in running:
            one.close()
    wait_until(
        lambda: get(site, site.agent_token(jobs[-1]), method="GET", Range="bytes=0-9").status_code != 503,
        "a closed download is never over",
    )


def test_the_token_is_sent_to_the_controller_alone(site, job, agent, pin):
    stub = Controller()
    try:
        # Another port is another server: the bundle's one hears no token and says so
        box = agent(job(), callback=stub.url)
        assert box.run() == 1
        reported = [event for event in stub.accepted("failed") if event["error"]["code"] == "bundle_missing"]
    finally:
        stub.close()
    assert "401" in reported[0]["error"]["message"]


def test_no_token_is_in_the_servers_log(site, job):
    token = site.agent_token(job())
    get(site, token)
    assert token not in site.log()
