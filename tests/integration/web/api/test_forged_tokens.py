"""Tokens and signed requests by the ten thousand, forged, cut, bent, replayed, meant for others: none is accepted."""

import os
import random
import secrets
import string
import time
import uuid
from collections import Counter
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from itsdangerous.timed import TimestampSigner

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.jobs.record.tokens import MAX_AGE_SECONDS, Tokens
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.api.signed_requests import signature
from controller.web.app import create_app
from shared.encoding import canonical_json
from shared.events import make_event
from shared.signing import serializer
from tests.support.worlds.agent_box import sign
from tests.support.worlds.web_site import KEY, an_order

NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
#: How many of each way of forging, per place where a token is shown.
MANY = 10_000 if NIGHTLY else 900
#: The same for requests over a real connection.
SENT = 5000 if NIGHTLY else 300
LETTERS = string.ascii_letters + string.digits + "-_."
ODD = LETTERS + "=+/%*!~ \t\x7f\u00e9\u0660\u202e'\"<>&;:,\\"
EVENTS, ORDERS = "/api/v1/agent/events", "/api/v1/orders"


class TokenTargets:
    """Jobs, every token there is for them, and the application that must believe none in the wrong place."""

    def __init__(self, site):
        self.site = site
        self.random = random.Random(None if NIGHTLY else 20)
        self.client = create_app(load_config(site.environment)).test_client()
        self.job, self.other = (site.put(site.order(), "restoring", attempt=2, step="agent") for _ in range(2))
        self.cancelled = site.order()
        site.service.jobs.cancel(self.cancelled.id)
        made = Tokens(site.service.installation.keys.tokens)
        foreign = Tokens([secrets.token_bytes(32)])
        long_ago = int(time.time()) - MAX_AGE_SECONDS - 60
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda _self: long_ago)
            expired = made.for_agent(self.job.id, 2)
        #: Where -> tokens that are right there and nowhere else.
        self.good = {
            "agent": [made.for_agent(self.job.id, 2)],
            "status": [made.for_status(self.job.id)],
            "credentials": [made.for_credentials(self.job.id, "nonce")],
        }
        #: Right by their signature, and yet of no use anywhere.
        self.useless = [
            expired, made.for_agent(self.job.id, 1), made.for_agent(self.job.id, 3), made.for_agent("nosuchjob1", 1),
            made.for_agent(self.cancelled.id, 1), made.for_agent(self.job.id, 2, "bundle"),
            made.for_agent(self.job.id, 2, ""),
            foreign.for_agent(self.job.id, 2), foreign.for_status(self.job.id), made.for_status("nosuchjob1"),
            foreign.for_credentials(self.job.id, "nonce"),
        ]  # fmt: skip
        for purpose in ("job", "certificate", "ack"):
            text = serializer(purpose, [site.service.installation.keys.signing[-1]], sign=sign).dumps(
                [self.job.id, 2, "events"]
            )
            self.useless.append(text if isinstance(text, str) else text.decode())

    def forgeries(self, place, count):
        """Yield `count` tokens of every kind that must not be believed at `place` (agent, status, credentials)."""
        pick = self.random
        good = self.good[place]
        others = [token for where, tokens in self.good.items() if where != place for token in tokens]
        wrong = [token for token in [*others, *self.useless] if token not in good]
        yield from wrong
        for token in [*good, *wrong]:
            yield from (token[:length] for length in range(0, len(token), 7))
        for _ in range(count):
            token = pick.choice(good)
            spot = pick.randrange(len(token))
            flipped = chr(ord(token[spot]) ^ (1 << pick.randrange(7)))
            yield token[:spot] + flipped + token[spot + 1 :]
            yield token[:spot] + pick.choice(ODD) + token[spot:]
            yield token[:spot] + token[spot + 1 :]
            yield "".join(pick.choice(LETTERS) for _ in range(pick.randrange(300)))
            yield self._mixed(token, pick.choice(wrong))

    def _mixed(self, token, other):
        """Return the parts of two tokens put together anew."""
        parts, more = token.split("."), other.split(".")
        while True:
            mixed = [self.random.choice([*parts, *more]) for _ in range(len(parts))]
            if mixed != parts:
                return ".".join(mixed)

    def picture(self):
        """Return all that a believed forgery would have changed."""
        with reading(self.site.service.installation.engine) as connection:
            rows = [jobs.get(connection, job.id) for job in (self.job, self.other, self.cancelled)]
        return rows, len(self.site.service.jobs.listed())


@pytest.fixture(scope="module")
def world(site):
    return TokenTargets(site)


def event_of(job, attempt=2):
    return canonical_json(make_event(job.id, attempt, 1, "failed", 1.0, error={
        "code": "internal", "message": "forged", "advice": "none", "retryable": False,
    }))  # fmt: skip


def ask(world, place, token):
    """Show the token everywhere where one of this kind is looked at; return the statuses."""
    client = world.client
    if place == "agent":
        headers = {"Authorization": f"Bearer {token}"}
        posted = client.post(EVENTS, data=event_of(world.random.choice([world.job, world.other])), headers=headers)
        return [posted.status_code, client.get("/api/v1/agent/bundle/boutique", headers=headers).status_code]
    path = f"/{place}/{quote(token, safe='')}"
    answers = [client.get(path)]
    if place == "credentials":
        answers.append(client.post(path, data={"password": "a-new-password-1"}))
    return [answer.status_code for answer in answers]


#: What each place may answer to a forgery: never an acceptance, never a failure of the controller.
REFUSALS = {"agent": {401, 409, 410}, "status": {404, 308, 405}, "credentials": {404, 308, 400, 405}}


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("place", REFUSALS)
def test_of_ten_thousands_of_forged_tokens_none_is_accepted_and_none_is_our_failure(world, place):
    before, answers = world.picture(), Counter()
    for token in world.forgeries(place, MANY):
        if token.strip() in world.good[place] or not token.strip("./"):
            continue
        if place == "agent" and not token.isprintable():
            continue
        answers.update(ask(world, place, token))
    assert set(answers) <= REFUSALS[place], answers
    assert sum(answers.values()) > 4 * MANY
    assert world.picture() == before


def test_the_right_token_is_believed_so_that_refusing_all_would_be_noticed(world, site):
    job = site.put(site.order(), "restoring", attempt=1, step="agent")
    headers = {"Authorization": f"Bearer {site.agent_token(job)}"}
    event = canonical_json(make_event(job.id, 1, 1, "started", 1.0))
    assert world.client.post(EVENTS, data=event, headers=headers).status_code == 202
    assert world.client.get(f"/status/{world.good['status'][0]}").status_code == 200


def right(secret, method, path, body, **changes):
    """Return the headers of a rightly signed request, with parts replaced after signing."""
    stamp, event = str(int(time.time())), str(uuid.uuid4())
    made = signature(secret.encode(), stamp, event, method, path, body)
    headers = {
        "X-Shoplaunch-Key": KEY, "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
        "X-Shoplaunch-Signature": made,
    }  # fmt: skip
    return {**headers, **changes}


def forged_requests(world, count, other_key):
    """Yield (method, path, headers, body) of signed requests of which every one is wrong somewhere."""
    pick, secret = world.random, world.site.secret
    service = f"/api/v1/services/{world.job.id}"
    for _ in range(count):
        body = canonical_json(an_order())
        method, path = pick.choice([("POST", ORDERS), ("GET", service), ("POST", service + "/retry")])
        content = b"" if method == "GET" else body
        headers = right(secret, method, path, content)
        name = pick.choice(list(headers))
        text = headers[name]
        spot = pick.randrange(len(text))
        yield method, path, {**headers, name: text[:spot] + pick.choice(ODD) + text[spot:]}, content
        yield method, path, {**headers, name: text[:spot] + text[spot + 1 :]}, content
        bent = chr(ord(text[spot]) ^ (1 << pick.randrange(7)))
        yield method, path, {**headers, name: text[:spot] + bent + text[spot + 1 :]}, content
        yield method, path, {key: value for key, value in headers.items() if key != name}, content
        yield method, path + pick.choice(["?x=1", "?=", "%20"]), headers, content
        yield "POST", ORDERS, headers if path != ORDERS else right(secret, "POST", service, body), body + b" "
        yield method, path, right(secrets.token_hex(32), method, path, content), content
        yield method, path, right(other_key, method, path, content), content
        yield method, path, right(secret, method, path, content, **{"X-Shoplaunch-Key": "other"}), content
        yield method, path, right(world.good["agent"][0], method, path, content), content


def is_sendable(method, path, headers, body):
    values = [*headers.values(), path]
    return all(value.isascii() and value.isprintable() and value == value.strip() for value in values)


@pytest.mark.sampled(of=3, rests=True)
def test_of_thousands_of_wrongly_signed_requests_none_is_accepted(world, site):
    other = installation.add_api_key(load_config(site.environment), "other")
    before, answers = world.picture(), Counter()
    for method, path, headers, body in forged_requests(world, MANY // 2, other):
        if is_sendable(method, path, headers, body) and not was_right(world, method, path, headers, body):
            answers[world.client.open(path, method=method, headers=headers, data=body).status_code] += 1
    assert set(answers) <= {401, 404, 405}, answers
    assert answers[401] > 3 * MANY
    assert world.picture() == before


@pytest.mark.parametrize("more", ["?", "??", "?x=1", "#x", "/", "//", "%20", ";x"])
def test_an_address_that_was_not_signed_is_refused_over_a_real_connection(world, site, more):
    before = world.picture()
    body = canonical_json(an_order())
    connection = HTTPConnection("127.0.0.1", site.port, timeout=120)
    connection.request("POST", ORDERS + more, body, right(site.secret, "POST", ORDERS, body))
    assert connection.getresponse().status in (401, 404, 405)
    connection.close()
    assert world.picture() == before


def was_right(world, method, path, headers, body):
    """Return whether bending has changed nothing that counts."""
    names = ("Timestamp", "Event", "Signature", "Key")
    stamp, event, given, key = (headers.get(f"X-Shoplaunch-{name}", "") for name in names)
    return key == KEY and signature(world.site.secret.encode(), stamp, event, method, path, body) == given


def test_a_signed_request_counts_once_however_often_it_is_replayed(world):
    order = canonical_json(an_order())
    service = f"/api/v1/services/{world.job.id}"
    for method, path, body, status in (("POST", ORDERS, order, 202), ("GET", service, b"", 200)):
        headers = right(world.site.secret, method, path, body)
        first = world.client.open(path, method=method, headers=headers, data=body)
        assert first.status_code == status
        before = world.picture()
        replays = {world.client.open(path, method=method, headers=headers, data=body).status_code for _ in range(100)}
        assert replays == {401}
        assert world.picture() == before


def test_over_a_real_connection_they_are_refused_alike_whatever_bytes_they_hold(world, site):
    before, answers = world.picture(), Counter()
    connection = HTTPConnection("127.0.0.1", site.port, timeout=120)
    tokens = [token for token in world.forgeries("agent", SENT // 4) if token.strip() not in world.good["agent"]]
    for token in world.random.sample(tokens, SENT):
        raw = token.encode("utf-8").replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
        if raw.decode().strip() in world.good["agent"]:
            continue
        connection.putrequest("POST", EVENTS)
        body = event_of(world.job)
        connection.putheader("Authorization", b"Bearer " + raw)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        answers[answer.status] += 1
    connection.close()
    # 400: the web server itself, for a header that is none
    assert set(answers) <= {400, 401, 409, 410}, answers
    assert answers[401] > SENT // 2
    assert world.picture() == before
    assert "Traceback" not in site.log()
