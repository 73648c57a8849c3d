"""A kind of follow-up job is one entry and a module of its name: begun by command and page, run, looked at, noted."""

from types import SimpleNamespace

import pytest

from agent.run import runner
from controller.db import facts
from controller.follow_up_kinds import KINDS, Kind
from controller.jobs.steps import follow_ups
from controller.jobs.steps.follow_ups.registry import change_of
from shared.errors import ShoplaunchError
from shared.schema import load_schema
from tests.integration.controller.follow_ups import JOBS, UPDATE, finish
from tests.support.worlds.web_site import csrf_of
from tests.support.worlds.world import Agent

PAINT = Kind(
    "paint_doors", label="Paint the doors", begun="Painted the doors", question="Paint the doors of this shop?",
    consequences=("Every door is green afterwards.", "Visitors go on seeing the shop."),
    command_help="Paint the doors of the shop of job ID.", command_question="Paint the doors of {shop}?",
    takes_from_client=True,
)  # fmt: skip
SOURCE = """
from dataclasses import replace

from controller.jobs.steps.follow_ups.change import Change
from controller.jobs.steps.follow_ups.site import as_before, front, visit

class Paint(Change):
    def require(self, work, address):
        assert address.port == work.tools.panel.port

    def look(self, work):
        visit(work, as_before(work), front(work))
        return "the doors are green"

    def learned(self, parent, job):
        return replace(parent, noun="site")

CHANGE = Paint()
"""
ENTRY = {"statements": [{**UPDATE, "params": ["green", "PS_DOORS"]}], "edits": []}


@pytest.fixture
def shop(house, add_module, monkeypatch):
    """A shop that lives, whose bundle tells how its doors are painted; the kind is registered."""
    add_module(follow_ups, PAINT.name, SOURCE)
    monkeypatch.setitem(KINDS, PAINT.name, PAINT)
    for name in ("job", "service", "state"):
        # The second place: tests/unit/house/sources/test_registries.py holds these to the registry
        kind = load_schema(name)["properties"]["kind"]
        monkeypatch.setitem(kind, "enum", [*kind["enum"], PAINT.name])
    house.add_bundle("later", jobs={**JOBS, PAINT.name: ENTRY})
    yield house.live(bundle="later")
    change_of.cache_clear()


def child(house, shop):
    (job,) = house.service.jobs.follow_ups(shop.id)
    return job


def carried_out(house, shop):
    """Let the job be dropped, play its agent, and return it when nothing is left to do."""
    house.work()
    agent = Agent(house, child(house, shop))
    assert (agent.payload["kind"], agent.payload["statements"]) == (PAINT.name, ENTRY["statements"])
    finish(agent)
    house.work()
    return child(house, shop)


def test_it_is_begun_on_the_command_line_run_and_noted(house, shop):
    assert "paint-doors" in house.command("--help") and PAINT.command_help in house.command("paint-doors", "--help")
    begun = house.command("paint-doors", shop.id, "--yes")
    assert begun == f"{child(house, shop).id}: received\n"
    job = carried_out(house, shop)
    assert job.state == "live", house.status(job)
    assert "the doors are green" in str(house.status(job)["steps"])
    assert facts.of(house.job(shop)).noun == "site"
    assert PAINT.begun in house.page("/admin/audit?lang=en")


def test_it_is_begun_on_the_page_which_says_what_it_does(house, shop):
    path = f"/admin/jobs/{shop.id}"
    assert f'id="{PAINT.name}"' in house.page(path) and PAINT.label in house.page(f"{path}?lang=en")
    asked = house.page(f"{path}/later/{PAINT.name}?lang=en")
    assert all(text in asked for text in (PAINT.question, *PAINT.consequences, PAINT.label))
    assert 'type="password"' not in asked and "danger" not in asked
    house.send(f"{path}/later", kind=PAINT.name, csrf_token=csrf_of(asked))
    job = carried_out(house, shop)
    assert job.state == "live" and PAINT.label in house.page(f"/admin/jobs/{job.id}?lang=en")


def test_what_it_asks_for_is_checked_from_outside(house, shop):
    house.site.pages["/"] = (500, {}, b"no doors")
    house.command("paint-doors", shop.id, "--yes")
    house.work()
    finish(Agent(house, child(house, shop)))
    house.work_later(60)
    failed = child(house, shop)
    assert (failed.state, failed.step, failed.error["code"]) == ("failed", "confirm", "check_failed")
    asked = house.page(f"/admin/jobs/{failed.id}/again?lang=en")
    assert PAINT.question in asked and PAINT.label in asked


def test_a_shop_whose_bundle_says_nothing_of_it_is_refused(house, shop, monkeypatch):
    other = house.live(domain="other.example.com", account="bob")
    with pytest.raises(ShoplaunchError) as caught:
        house.service.jobs.start_follow_up(other.id, PAINT.name, {})
    assert caught.value.code == "kind_unsupported" and PAINT.name in caught.value.message


def test_the_agent_runs_the_stages_of_a_change_for_whatever_kind(shop):
    ctx = SimpleNamespace(kind=PAINT.name, job={"direction": "forth"})
    assert runner._groups(ctx) == runner.FORTH
    assert runner._groups(SimpleNamespace(kind=PAINT.name, job={"direction": "back"})) == runner.BACK
