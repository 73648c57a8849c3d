"""Fills a controller's database with jobs through the project's own tables: finished ones, and some agents are at."""

import json
import random
import secrets

import sqlalchemy as sa

from controller.db import tables
from controller.db.connection.engine import transact
from controller.jobs.lifecycle.plan import PLAN
from shared.encoding import sha256_hex
from shared.events import PERCENT_AFTER, STAGES, make_event
from shared.signing import PURPOSE_CERTIFICATE

SERVERS = ("web-1", "web-2", "web-3", "web-4")
DAY = 86400.0
#: Rows written in one transaction.
AT_ONCE = 2000
#: What a restore of PrestaShop runs through.
_STAGES = [stage for stage in STAGES if stage != "edit"]
_EVIDENCE = {
    "tables": {f"ps_{number:03d}_{'catalogue_lang'[: 4 + number % 11]}": number * 37 % 4000 for number in range(276)},
    "stages": dict.fromkeys(_STAGES, 0.31),
    "peak_rss_bytes": 61_000_000,
    "python": "3.13.5",
}
#: How a hundred jobs of a year ended.
_ENDS = ("live",) * 93 + ("cancelled",) * 4 + ("failed",) * 3


def fill(engine, finished, active, now, seed=1):
    """Add `finished` jobs of the last year and `active` whose agents work; return the ids of the active ones."""
    chance = random.Random(seed)
    for first in range(0, finished, AT_ONCE):
        many = range(first, min(first + AT_ONCE, finished))
        _insert(engine, [_finished(number, now - DAY * 365 * chance.random(), chance) for number in many])
    working = [_active(number, now) for number in range(active)]
    _insert(engine, working)
    return [parts["jobs"][0]["id"] for parts in working]


def _insert(engine, found):
    def work(connection):
        for name in ("jobs", "steps", "events", "certificates", "fingerprints", "audit"):
            rows = [row for parts in found for row in parts.get(name, ())]
            if rows:
                connection.execute(sa.insert(tables.metadata.tables[name]), rows)

    transact(engine, work)


def _finished(number, at, chance):
    job_id = secrets.token_hex(5)
    end = _ENDS[number % len(_ENDS)]
    row = _job(job_id, number, at) | {"state": end, "updated_at": at + 50, "percent": 100 if end == "live" else 40}
    row["step"] = None if end == "live" else "agent"
    row["later"] = json.dumps({"checks": [{"path": f"/{n}", "contains": ["x" * 30]} for n in range(20)], "nonce": "ab"})
    row["progress"] = json.dumps({stage: _stage(at) for stage in _STAGES})
    if end == "failed":
        row["error"] = json.dumps({"code": "db_lost", "message": "lost", "advice": "retry", "retryable": True})
    parts = {
        "jobs": [row],
        "steps": [_step(job_id, name, "done", at) for name in PLAN],
        "events": _events(job_id, at),
        "audit": [{"at": at, "user": "nora", "action": "login", "job": None, "detail": "127.0.0.1"}],
    }
    if end == "live":
        signed = f"{PURPOSE_CERTIFICATE}.{secrets.token_hex(64)}." + json.dumps(_EVIDENCE)
        parts["certificates"] = [{"job": job_id, "signed": signed, "created_at": at + 50}]
        names = [f"secret.{n}" for n in range(6)]
        parts["fingerprints"] = [{"fingerprint": secrets.token_hex(32), "job": job_id, "name": name} for name in names]
    return parts


def _active(number, now):
    job_id = secrets.token_hex(5)
    row = _job(job_id, 10_000_000 + number, now - 20) | {"state": "restoring", "step": "agent", "stage": "unpack"}
    row |= {"heard_at": now, "wake_at": now + 3600, "percent": 6, "dropped_at": now - 10, "expires_at": now + DAY}
    row |= {name: sha256_hex(f"{name} {job_id}".encode()) for name in ("domain_key", "account_key")}
    row["progress"] = json.dumps({stage: _stage(now) for stage in _STAGES[:2]})
    row["secrets_encrypted"] = "g" * 1400
    before = list(PLAN)[: list(PLAN).index("agent")]
    states = {name: "done" if name in before else "waiting" for name in PLAN} | {"agent": "running"}
    return {"jobs": [row], "steps": [_step(job_id, name, state, now) for name, state in states.items()]}


def _job(job_id, number, at):
    account = f"shop{number}"
    domain = f"shop-{number}.example.com"
    urls = {"shop_url": f"http://{domain}/", "admin_url": f"http://{domain}/backoffice77/"}
    home = f"/home/{account}"
    facts = {"account": {"user": account, "home": home, "document_root": f"{home}/public_html"}, **urls}
    order = {"server": "web-1", "bundle": "boutique", "domain": domain, "email": f"owner@{domain}", "account": account}
    order |= {"shop_name": "Tea & Saffron", "first_name": "Nora", "last_name": "Client", "language": "en"}
    return {
        "id": job_id,
        "kind": "restore",
        "source": "whmcs:billing",
        "service_id": str(number),
        "server": SERVERS[number % len(SERVERS)],
        "bundle": "boutique",
        "domain": domain,
        "email": order["email"],
        "account": account,
        "language": "en",
        "order": json.dumps(order),
        "order_key": sha256_hex(job_id.encode()),
        "attempt": 1,
        "version": 40,
        "facts": json.dumps({**facts, "cron_seconds": 60, "php": "8.2", "finished_at": at + 45, "tls": "on"}),
        "lock_name": "shoplaunch_" + secrets.token_hex(8),
        "created_at": at,
        "later": None,
        "error": None,
        "heard_at": at + 45,
        "wake_at": None,
        "dropped_at": at + 3,
        "expires_at": at + DAY,
        "domain_key": None,
        "account_key": None,
        "stage": None,
        "secrets_encrypted": None,
        "updated_at": at,
        "percent": 0,
    }


def _step(job_id, name, state, at):
    times = {"started_at": at, "finished_at": at + 1 if state == "done" else None}
    return {"job": job_id, "name": name, "state": state, "attempts": 1, "note": "as it should be", **times}


def _stage(at):
    return {"state": "done", "started_at": at + 30, "finished_at": at + 31, "seconds": 1.0}


def _events(job_id, at):
    found = [make_event(job_id, 1, 1, "started", at, percent=0)]
    for stage in _STAGES[:-1]:
        for kind in ("stage_started", "stage_finished"):
            more = {"seconds": 1.0} if kind == "stage_finished" else {}
            percent = PERCENT_AFTER[stage]
            found.append(make_event(job_id, 1, len(found) + 1, kind, at + 40, stage=stage, percent=percent, **more))
    found.append(make_event(job_id, 1, len(found) + 1, "finished", at + 45, percent=98, evidence=_EVIDENCE))
    found.append(make_event(job_id, 1, len(found) + 1, "cleaned", at + 46, percent=100))
    columns = ("job", "attempt", "seq", "event", "at")
    return [
        {**{name: event[name] for name in columns}, "stage": event.get("stage"), "received_at": event["at"],
         "body": json.dumps(event, sort_keys=True)}
        for event in found
    ]  # fmt: skip
