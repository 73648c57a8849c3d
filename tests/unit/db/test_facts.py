"""What is known of a job is stored as one document, whatever version wrote it, and read by attribute alone."""

import ast
import json
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from controller.account import Account
from controller.db import facts, jobs
from controller.db.facts import Asked, Facts, FirstReport, Link, Made, Problem, Tls, Trouble, Undo

PROJECT = Path(__file__).resolve().parents[3]
#: As the version at 9e78168 stored it, with everything it could note.
EARLIER = {
    "noun": "shop",
    "account": {"user": "a1", "home": "/home/a1", "document_root": "/home/a1/public_html", "domain": "shop.example",
                "name_servers": ["ns1.example"]},
    "cron_seconds": 60, "shop_url": "http://shop.example/", "admin_url": "http://shop.example/admin1/",
    "php": "8.1", "made_account": "made", "born": {".bashrc": "1"}, "made_database": "a1_shop",
    "made_database_user": "a1_shop", "put_sha256": {"agent.pyz": ["1", "2"]},
    "seen_at": 1.5, "looked_at": 2.5, "look_failures": 1, "look_at": 3.5, "blocked_at": 4.5, "state_updated_at": 5.5,
    "trouble": {"error": {"code": "disk_full"}, "stage": None, "percent": 3, "since": 7.0, "told": False},
    "finished_at": 8.5, "cleaned": True, "ack_seq": 0, "events_dropped": 12,
    "tls": "asked", "tls_since": 9.0, "tls_looks": 2, "tls_next": 10.0, "tls_asked_at": 9.5, "tls_asks": 1,
    "tls_reason": "not yet", "tls_refused": "no",
    "credentials": {"mode": "link", "nonce": "n", "offered_at": 11.0, "expires_at": 12.0},
    "billing": {"ticket": {"tid": "T1"}, "announce_done": "told"},
    "alarm_problem": {"code": "mail_failed", "message": "x"},
    "alarmed_at": 13.0, "undo": "placed", "undo_placed_at": 14.0, "undo_heard_at": 15.0, "undo_began_at": 13.5,
    "undo_lost_at": 14.5,
    "cancelled_from": "restoring", "terminated": True,
}  # fmt: skip


def stored(document):
    """The document as it comes back from the database."""
    return json.loads(json.dumps(document))


def test_a_document_of_an_earlier_version_comes_back_as_it_was():
    assert stored(facts.encode(facts.decode(stored(EARLIER)))) == EARLIER


def test_a_document_of_an_earlier_version_is_read():
    found = facts.decode(stored(EARLIER))
    assert found.account.document_root == "/home/a1/public_html" and list(found.account.name_servers) == ["ns1.example"]
    assert found.trouble == Trouble({"code": "disk_full"}, None, 3, 7.0, False)
    assert found.tls == Tls("asked", "not yet", 9.0, 2, 10.0, 9.5, 1, "no")
    assert found.undo == Undo("placed", 14.0, 15.0, 13.5, 14.5) and found.ack_seq == 0
    assert found.made == Made("made", "a1_shop", "a1_shop", {".bashrc": "1"})
    assert found.credentials == Link("link", "n", 12.0) and found.alarm_problem == Problem("mail_failed", "x")


def test_what_another_version_noted_survives_a_change():
    later = {**EARLIER, "moon": {"phase": 3}, "credentials": {**EARLIER["credentials"], "colour": "red"}}
    found = facts.decode(stored(later))
    changed = replace(found, seen_at=99.0, credentials=replace(found.credentials, used_at=20.0))
    wanted = {**later, "seen_at": 99.0, "credentials": {**later["credentials"], "used_at": 20.0}}
    assert stored(facts.encode(changed)) == wanted


def test_what_is_not_known_any_more_is_not_stored():
    found = facts.decode(stored(EARLIER))
    bare = replace(found, **{one.name: getattr(Facts(), one.name) for one in fields(Facts) if one.name != "stored"})
    assert facts.encode(bare) == {"php": "8.1"}
    assert facts.encode(Facts()) == {}


def test_every_fact_is_stored_and_read_back():
    everything = Facts(
        noun="shop", shop_url="a", admin_url="b", https_shop_url="c", https_admin_url="d",
        account=Account("a1", "/home/a1", "/home/a1/www", "shop.example"), cron_seconds=60,
        credentials=Link("set", "n", 1.0, 2.0, 3.0), tls=Tls("on", "r", 1.0, 1, 2.0, 3.0, 4, "f"), removed=True,
        terminated=True, made=Made("maybe", "d", "u", {"a": "b"}), user_made=True, bundle_reader=1001,
        copies_distrusted=True, put_sha256={"a": ["b"]}, start_prepared="", start_left=2, start_left_at=3.0,
        start=Asked("web", "", 0.5, 1.0), first_event=FirstReport(1.0, "cron"),
        trouble=Trouble({"code": "x"}, "fetch", 1, 2.0, True), seen_at=1.0,
        looked_at=2.0, look_failures=1, look_at=3.0, blocked_at=4.0, state_updated_at=5.0, finished_at=6.0,
        cleaned=True, looked_early=True, limited=True, ack_seq=7, kept_line="sealed", kept_at=7.5,
        events_dropped=8,
        undo=Undo("wanted", 1.0, 2.0, 3.0, 4.0),
        cancelled_from="dropped", direction="back", failure={"code": "x"}, taken_back=True, billing={"a": 1},
        alarm_problem=Problem("c", "m"), alarmed_at=9.0,
    )  # fmt: skip
    untouched = [one.name for one in fields(Facts) if getattr(everything, one.name) == default_of(one)]
    assert untouched == ["stored"]
    document = stored(facts.encode(everything))
    assert facts.decode(document) == everything and set(document) == facts.STORED_NAMES


def default_of(one):
    return one.default_factory() if one.default is MISSING else one.default


def test_a_new_attempt_knows_nothing_of_the_last_one_but_keeps_the_shop():
    found = facts.of_next_attempt(facts.decode(stored(EARLIER)))
    gone = {"seen_at", "looked_at", "look_failures", "look_at", "trouble", "finished_at", "cleaned", "ack_seq"}
    assert set(EARLIER) - set(facts.encode(found)) == {*gone, "events_dropped"}


#: The codec reads and searches the document.
CODEC = PROJECT / "controller" / "db" / "facts.py"
MODULES = [path for path in sorted((PROJECT / "controller").rglob("*.py")) if path != CODEC]


def room_of(path):
    """Return the room of a module of the controller; one beside the rooms is a room of its own."""
    return path.relative_to(PROJECT / "controller").parts[0].removesuffix(".py")


def untyped_reads(text):
    """Yield the lines that read a document of facts: `job.facts["name"]`, `row.facts.get("name")`, `"name" in it.facts`
    and a text in the column would be untyped again."""
    for node in ast.walk(ast.parse(text)):
        found = (
            [node.value] if isinstance(node, ast.Subscript)
            else [node.func.value] if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            else node.comparators if isinstance(node, ast.Compare)
            and any(isinstance(one, (ast.In, ast.NotIn)) for one in node.ops)
            else []
        )  # fmt: skip
        if any(isinstance(one, ast.Attribute) and one.attr == "facts" for one in found):
            yield node.lineno


@pytest.mark.parametrize("room", sorted({room_of(path) for path in MODULES}))
def test_nobody_but_the_codec_reads_the_document(room):
    in_room = [path for path in MODULES if room_of(path) == room]
    found = {str(path.relative_to(PROJECT)): list(untyped_reads(path.read_text("utf-8"))) for path in in_room}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("code", "is_seen"),
    [
        ("job.facts['a']", True), ("row.facts.get('a')", True), ("work.now_job.facts.items()", True),
        ("'a' in anything.facts", True), ("'a' not in one().facts", True), ("jobs.c.facts.contains('a')", True),
        ("facts.of(job).tls", False), ("work.facts.tls.next", False), ("job.facts is None", False),
        ("facts.decode(job.facts)", False),
    ],
)  # fmt: skip
def test_a_read_of_the_document_is_seen_on_any_owner(code, is_seen):
    assert list(untyped_reads(code)) == [1] * is_seen


def test_a_changed_job_has_the_facts_of_its_own_document():
    values = dict.fromkeys((one.name for one in fields(jobs.Job)), None)
    job = jobs.Job(**values | {"facts": facts.encode(Facts(noun="shop")), "percent": 1})
    known = facts.of(job)
    moved = jobs.after(job, {"percent": 2})
    renamed = jobs.after(moved, facts.column(replace(known, noun="site")))
    assert (job.percent, moved.percent, renamed.percent) == (1, 2, 2)
    assert facts.of(moved) is known
    assert (facts.of(renamed).noun, facts.of(moved).noun, facts.of(job).noun) == ("site", "shop", "shop")
