"""Real tokens of many jobs, each shown wherever it is not for: none opens, reports or tells anything there."""

import hashlib
import os
import time
import uuid
from collections import Counter
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.base.ed25519 import verify
from controller.db import bundles, events
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading, transact
from controller.jobs.agent_link.job_file import BUNDLE_PATH
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials
from controller.settings.loading import load_config
from controller.web.app import create_app
from shared.encoding import canonical_json
from shared.errors import ShoplaunchError
from shared.events import make_event
from shared.signing import PURPOSE_ACK, PURPOSE_CERTIFICATE, PURPOSE_JOB, load_signed
from tests.support.worlds.web_site import KEY, Site

JOBS = 40
ATTEMPT = 2
EVENTS = "/api/v1/agent/events"
ERROR = {"code": "internal", "message": "of another", "advice": "none", "retryable": False}
#: What would do harm each in its own way, if it were believed.
KINDS = [("failed", {"error": ERROR}), ("cleaned", {}), ("started", {}), ("stage_finished", {"stage": "unpack"})]


@pytest.fixture(scope="module")
def site():
    """A controller of its own: it knows as many bundles as jobs."""
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def client(site):
    return create_app(load_config(site.environment)).test_client()


def of_a_job(site, number):
    """Return one job, whose agent is at work on a bundle of its own, with its tokens; its client's password waits."""
    bundle, content = f"bundle-{number}", os.urandom(50 + number)
    digest = hashlib.sha256(content).hexdigest()
    row = Bundle(bundle, digest, len(content), digest, "prestashop", "8.2.1", time.time())
    transact(site.service.installation.engine, lambda connection: bundles.add(connection, row))
    site.service.config.bundles.mkdir(exist_ok=True)
    site.service.installation.bundles.path(bundle).write_bytes(content)
    password = f"Kq7mVd3xTb9pWn2h{number:02}"
    private = sealed(site.service.installation.keys, {"admin.password": password})
    job = site.put(site.order(bundle=bundle), "restoring", attempt=ATTEMPT, step="agent", **private)
    nonce = credentials.offer(
        site.service.installation.engine, site.service.installation.keys, job.id, "link", time.time()
    )
    made = site.service.installation.tokens
    return SimpleNamespace(
        job=job.id, domain=job.domain, password=password, bundle=bundle, content=content,
        agent=made.for_agent(job.id, ATTEMPT), status=made.for_status(job.id),
        credentials=made.for_credentials(job.id, nonce),
    )  # fmt: skip


@pytest.fixture(scope="module")
def many(site):
    return [of_a_job(site, number) for number in range(JOBS)]


@pytest.fixture
def unchanged(site, many):
    """Whatever a test shows, every job is afterwards as it was before, and nothing is stored of it."""

    def picture():
        with reading(site.service.installation.engine) as connection:
            stored = [len(events.of_job(connection, one.job)) for one in many]
        return [site.service.jobs.get(one.job) for one in many], stored, len(site.service.jobs.listed())

    before = picture()
    yield
    assert picture() == before


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def report(client, token, job, attempt, number=0):
    """Report for this attempt of `job` with `token`; return the status."""
    kind, more = KINDS[number % len(KINDS)]
    event = canonical_json(make_event(job, attempt, number + 1, kind, time.time(), **more))
    return client.post(EVENTS, data=event, headers=bearer(token)).status_code


def pairs(many):
    """Yield (whose token, another job) of all there are."""
    return ((mine, other) for mine in many for other in many if mine is not other)


@pytest.mark.usefixtures("unchanged")
def test_no_agents_token_reports_for_any_other_job(client, many):
    answers = Counter()
    for number, (mine, other) in enumerate(pairs(many)):
        answers[report(client, mine.agent, other.job, ATTEMPT, number)] += 1
    assert answers == {401: JOBS * (JOBS - 1)}


@pytest.mark.usefixtures("unchanged")
def test_no_agents_token_reports_for_another_attempt_of_its_own_job(site, client, many):
    attempts, answers = (ATTEMPT - 1, ATTEMPT, ATTEMPT + 1), Counter()
    for number, one in enumerate(many):
        for held in attempts:
            token = site.service.installation.tokens.for_agent(one.job, held)
            for said in attempts:
                if (held, said) != (ATTEMPT, ATTEMPT):
                    answers[held, said, report(client, token, one.job, said, number)] += 1
    # Of an attempt that was, its agent hears that another has taken over
    superseded = (ATTEMPT - 1, ATTEMPT - 1, 409)
    assert answers.pop(superseded) == JOBS
    assert {status for *_, status in answers} == {401} and sum(answers.values()) == 7 * JOBS


@pytest.mark.usefixtures("unchanged")
def test_no_agents_token_opens_the_bundle_of_any_other_job(client, many):
    answers = Counter()
    for mine, other in pairs(many):
        answer = client.get(BUNDLE_PATH + other.bundle, headers=bearer(mine.agent))
        answers[answer.status_code, other.content in answer.data] += 1
    assert answers == {(401, False): JOBS * (JOBS - 1)}


def doors(client, one, token):
    """Return purpose -> functions that each show `token` where one of that purpose is looked at, for the job `one`, and
    return the status."""
    shown = bearer(token)
    page, service = f"/credentials/{token}", f"/api/v1/services/{one.job}"
    signed = {**shown, "X-Shoplaunch-Key": KEY, "X-Shoplaunch-Signature": f"v1={token}"}
    signed |= {"X-Shoplaunch-Timestamp": str(int(time.time())), "X-Shoplaunch-Event": str(uuid.uuid4())}
    return {
        "agent": [
            lambda: report(client, token, one.job, ATTEMPT),
            lambda: client.get(BUNDLE_PATH + one.bundle, headers=shown).status_code,
        ],
        "status": [lambda: client.get(f"/status/{token}").status_code],
        "credentials": [lambda: client.get(page).status_code, lambda: client.post(page).status_code],
        "billing": [
            lambda: client.get(service, headers=signed).status_code,
            lambda: client.post(service + "/retry", data=b"{}", headers=signed).status_code,
        ],
    }


@pytest.mark.usefixtures("unchanged")
def test_no_token_opens_what_is_of_another_purpose_not_even_of_its_own_job(client, many):
    answers = {}
    for one in many:
        for purpose in ("agent", "status", "credentials"):
            for door, looks in doors(client, one, getattr(one, purpose)).items():
                if door != purpose:
                    answers.setdefault(door, Counter()).update(look() for look in looks)
    wanted = {"agent": (401, 4), "status": (404, 2), "credentials": (404, 4), "billing": (401, 6)}
    assert answers == {door: {status: looks * JOBS} for door, (status, looks) in wanted.items()}


def test_no_token_is_a_signed_job_answer_or_certificate(site, many):
    keys = [Ed25519PrivateKey.from_private_bytes(key).public_key() for key in site.service.installation.keys.signing]
    public = [key.public_bytes_raw() for key in keys]
    for one in many:
        for token in (one.agent, one.status, one.credentials):
            for purpose in (PURPOSE_JOB, PURPOSE_ACK, PURPOSE_CERTIFICATE):
                with pytest.raises(ShoplaunchError, match="signature_invalid"):
                    load_signed(purpose, public, token.encode(), verify)


def other_jobs_named_in(text, one, many):
    """Return the jobs besides `one` that a page names."""
    return [other.job for other in many if other is not one and (other.domain in text or other.password in text)]


def test_each_token_is_good_for_its_own_job_and_reveals_no_other(client, many):
    for number, one in enumerate(many):
        with client.get(BUNDLE_PATH + one.bundle, headers=bearer(one.agent)) as sent:
            assert sent.data == one.content
        status = client.get(f"/status/{one.status}")
        looked = client.get(f"/credentials/{one.credentials}")
        shown = client.post(f"/credentials/{one.credentials}")
        assert [status.status_code, looked.status_code, shown.status_code] == [200, 200, 200]
        assert one.domain in status.text and one.domain in looked.text and one.password in shown.text
        for page in (status, looked, shown):
            assert not other_jobs_named_in(page.text, one, many)
        assert report(client, one.agent, one.job, ATTEMPT, number) == 202
