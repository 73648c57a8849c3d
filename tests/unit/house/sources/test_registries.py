"""One registry per kind of thing; what has to stand elsewhere too is held to it here, and it is said what to add."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.run import runner
from agent.stages import cleanup
from agent.tree.residue import Residue
from controller.bundles.encodings.table import ENCODINGS
from controller.bundles.residue.search import Searcher
from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.needles import spellings
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.rewriter import Rewriter
from controller.db.machines.starts import Counted
from controller.db.upkeep.health import Undelivered
from controller.db.upkeep.retention import Kept
from controller.follow_up_kinds import KINDS
from controller.jobs.engine.monitoring.health import Health
from controller.jobs.lifecycle import plan
from controller.jobs.steps.follow_ups.registry import change_of
from controller.jobs.steps.registry import run_of
from controller.panels.registry import PANELS
from controller.recipes.base import Replacement
from controller.web.api import metrics
from controller.web.support import labels
from shared.errors import ShoplaunchError
from shared.events import FOLLOW_UP_PERCENT_AFTER, PERCENT_AFTER, STAGES
from shared.job import RESTORE
from shared.placeholders import ENCODERS, Renderer
from shared.schema import load_schema
from tests.contract.conftest import DRIVERS

ROOT = Path(__file__).resolve().parents[4]
NONCE = "0a1b2c3d"
OLD, NEW = "tea-shop.example", "my-house.example.com"


@pytest.mark.parametrize("kind", PANELS)
def test_every_panel_keeps_the_contract(kind):
    missing = f"add a driver class for {kind!r} to tests/contract/conftest.py"
    assert kind in {driver.name for driver in DRIVERS.values()}, missing
    assert callable(PANELS[kind].opening.open_panel)
    if not PANELS[kind].is_here:
        offered = PANELS[kind].opening
        assert all(map(callable, (offered.settings, offered.address, offered.login_name)))


@pytest.mark.parametrize("kind", [RESTORE, "https_on"])
def test_every_step_has_its_module_and_needs_steps_before_it(kind):
    earlier = []
    for step in plan.of(kind).values():
        assert (step.work is None) == (step.part == plan.AGENT)
        assert step.work is None or callable(run_of(step.work)), step.name
        assert set(step.needs) <= set(earlier), step.name
        earlier.append(step.name)


def test_every_step_and_change_is_loaded_at_once_so_that_no_upgrade_mixes_versions():
    code = "import sys, controller.jobs.engine.step_runner; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    steps = {
        step.work.partition(".")[0] for kind in (RESTORE, "remove") for step in plan.of(kind).values() if step.work
    }
    wanted = {f"controller.jobs.steps.{name}" for name in steps}
    wanted |= {f"controller.jobs.steps.follow_ups.{name}" for name in KINDS}
    assert wanted - set(loaded.split()) == set()


def names_of(*orders):
    """Return the names of the stages of these orders, and of cleanup, which follows each of them."""
    return {stage.NAME for order in orders for group in order for stage in group} | {cleanup.NAME}


def test_every_stage_of_the_agent_is_reported_and_has_its_label():
    assert names_of(runner.ORDER, runner.FORTH, runner.BACK) == set(STAGES), "write it to STAGES in shared/events.py"
    assert names_of(runner.ORDER) <= set(PERCENT_AFTER), "write its share to PERCENT_AFTER in shared/events.py"
    assert names_of(runner.FORTH, runner.BACK) == set(FOLLOW_UP_PERCENT_AFTER), "write it to FOLLOW_UP_PERCENT_AFTER"
    assert set(labels.STAGES) == set(STAGES), "write its label to STAGES in controller/web/support/labels.py"


@pytest.mark.parametrize("schema", ["event", "state"])
def test_the_schemas_know_every_stage_of_the_agent(schema):
    known = load_schema(schema)["properties"]["stage"]["enum"]
    assert known == [*STAGES, None], f"write the stages of shared/events.py to shared/schemas/{schema}.json"


@pytest.mark.parametrize("schema", ["job", "state", "service"])
def test_the_schemas_know_every_kind_of_job(schema):
    known = load_schema(schema)["properties"]["kind"]["enum"]
    assert known == [RESTORE, *KINDS], (
        f"write the kinds of controller/follow_up_kinds.py to shared/schemas/{schema}.json"
    )


def test_the_addon_for_whmcs_knows_every_kind_after_which_a_shop_still_lives():
    page = ROOT / "packaging/whmcs/modules/addons/shoplaunch/lib/Status.php"
    listed = re.search(r"AFTER_LIVE = \[([^\]]*)\]", page.read_text()).group(1)
    expected = [name for name, kind in KINDS.items() if not kind.closes_shop]
    assert re.findall(r"'(\w+)'", listed) == expected, f"write the kinds that close no shop to AFTER_LIVE in {page}"


def test_every_kind_of_follow_up_job_has_its_module():
    assert all(callable(change_of(name).look) for name in KINDS)
    assert [name for name, kind in KINDS.items() if name != kind.name] == []


def test_the_packer_knows_no_encoding_that_the_agent_does_not():
    assert set(ENCODINGS) <= set(ENCODERS), "an encoding begins in shared/placeholders.ENCODERS"


def marked(value):
    """Return `value` in the dummy encoding."""
    return value.replace(b"-", b"~m").replace(b"/", b"~s")


@pytest.fixture
def dummy(monkeypatch):
    """The encoding `dummy` is in the table, as if it had been there from the start."""
    monkeypatch.setitem(ENCODERS, "dummy", marked)
    spellings.cache_clear()
    yield
    spellings.cache_clear()


def rewritten(data):
    """Return `data` as a template of a bundle."""
    replacements = [Replacement(OLD.encode(), "domain", "domain")]
    return Rewriter(NONCE, replacements, Fragments(NONCE), Report()).rewrite_text(data, "here")


def test_an_encoding_of_one_entry_is_packed_and_filled_in(dummy):
    template = rewritten(b"see tea~mshop.example, or tea-shop.example")
    assert b":domain:dummy@@" in template and b":domain:raw@@" in template and b"shop.example" not in template
    filled = Renderer(NONCE, {"domain": NEW}).render(template)
    assert filled == b"see my~mhouse.example.com, or my-house.example.com"


def test_an_encoding_of_one_entry_is_undone_in_the_search_for_what_is_left(dummy):
    assert Searcher({"domain": OLD.encode()}).found_in(b"see tea~mshop.example", thorough=False) == ["domain"]
    # In the account: a shop's own name may hold the template's, in this encoding, too
    own = Residue({"residue": [b"template.example".hex()]}, {"domain": "my-template.example"})
    assert not own.found_in(b"see my~mtemplate.example") and own.found_in(b"see a~mtemplate.example")


def test_an_encoding_that_is_not_registered_is_neither_found_nor_filled():
    assert rewritten(b"see tea~mshop.example") == b"see tea~mshop.example"
    assert Searcher({"domain": OLD.encode()}).found_in(b"see tea~mshop.example", thorough=False) == []
    with pytest.raises(ShoplaunchError):
        Renderer(NONCE, {"domain": NEW}).render(b"@@SL0a1b2c3d:domain:dummy@@")


def test_the_metrics_are_written_as_they_always_were():
    health = Health(
        loop_age=0.26, chores_age=3.0, oldest_overdue=1.25, refused=1, waiting=2, forgotten=3,
        undelivered=Undelivered(3, 2, 1, 1, 2), jobs={"live": 7},
        starts=[Counted("ssh", "", 2, 0.75), Counted("cron", "vanished", 1, 41.0)],
        working=3, deaf=2, slots={"web2": 3}, breakers={"web1": False, "web2": True},
        kept=[Kept("events", 12, 5.5), Kept("spools", 0, None)],
        done_at={"retention": 7.5}, failing=["backup", "sweep on web1"],
    )  # fmt: skip
    assert metrics.text(health).startswith(METRICS)
    without = metrics.text(Health(error=ShoplaunchError("database_busy", "away")))
    assert "shoplaunch_ready 0.0\n" in without and "shoplaunch_loop_age_seconds +Inf\n" in without
    assert "shoplaunch_jobs{" not in without and "\nshoplaunch_chores_age_seconds " not in without
    # Nobody knows it then
    assert "shoplaunch_duty_failing{" not in without


METRICS = """\
# HELP shoplaunch_jobs Jobs by state.
# TYPE shoplaunch_jobs gauge
shoplaunch_jobs{state="received"} 0.0
shoplaunch_jobs{state="preparing"} 0.0
shoplaunch_jobs{state="dropped"} 0.0
shoplaunch_jobs{state="restoring"} 0.0
shoplaunch_jobs{state="finishing"} 0.0
shoplaunch_jobs{state="live"} 7.0
shoplaunch_jobs{state="failed"} 0.0
shoplaunch_jobs{state="stalled"} 0.0
shoplaunch_jobs{state="cancelled"} 0.0
shoplaunch_jobs{state="ignored"} 0.0
# HELP shoplaunch_ready Whether orders are taken and worked on.
# TYPE shoplaunch_ready gauge
shoplaunch_ready 1.0
# HELP shoplaunch_loop_age_seconds Seconds since a worker's loop last moved; +Inf without a worker.
# TYPE shoplaunch_loop_age_seconds gauge
shoplaunch_loop_age_seconds 0.3
# HELP shoplaunch_chores_age_seconds Seconds since the chores last made progress, where a worker reports it.
# TYPE shoplaunch_chores_age_seconds gauge
shoplaunch_chores_age_seconds 3.0
# HELP shoplaunch_workers Workers that gave a sign of life within a minute.
# TYPE shoplaunch_workers gauge
shoplaunch_workers 3.0
# HELP shoplaunch_workers_deaf Workers that hear nothing of their broker.
# TYPE shoplaunch_workers_deaf gauge
shoplaunch_workers_deaf 2.0
# HELP shoplaunch_oldest_overdue_seconds Seconds since the longest overdue job became due.
# TYPE shoplaunch_oldest_overdue_seconds gauge
shoplaunch_oldest_overdue_seconds 1.2
# HELP shoplaunch_orders_without_job Orders without a job, by reason.
# TYPE shoplaunch_orders_without_job gauge
shoplaunch_orders_without_job{reason="refused"} 1.0
shoplaunch_orders_without_job{reason="waiting"} 2.0
shoplaunch_orders_without_job{reason="forgotten"} 3.0
# HELP shoplaunch_alarms_undelivered Alarms that were not delivered.
# TYPE shoplaunch_alarms_undelivered gauge
shoplaunch_alarms_undelivered 9.0
# HELP shoplaunch_agent_starts_total Agents of finished jobs, by way of their start and reason.
# TYPE shoplaunch_agent_starts_total counter
shoplaunch_agent_starts_total{reason="",way="ssh"} 2.0
shoplaunch_agent_starts_total{reason="vanished",way="cron"} 1.0
# HELP shoplaunch_agent_start_wait_seconds_total Seconds from cron line to first report, added up.
# TYPE shoplaunch_agent_start_wait_seconds_total counter
shoplaunch_agent_start_wait_seconds_total{reason="",way="ssh"} 0.75
shoplaunch_agent_start_wait_seconds_total{reason="vanished",way="cron"} 41.0
# HELP shoplaunch_server_slots_taken How many jobs of the server are moved at this moment, over all workers.
# TYPE shoplaunch_server_slots_taken gauge
shoplaunch_server_slots_taken{server="web1"} 0.0
shoplaunch_server_slots_taken{server="web2"} 3.0
# HELP shoplaunch_server_breaker_open Whether jobs wait for a server that fails, which is called by one probe at a time.
# TYPE shoplaunch_server_breaker_open gauge
shoplaunch_server_breaker_open{server="web1"} 0.0
shoplaunch_server_breaker_open{server="web2"} 1.0
# HELP shoplaunch_retention_removed_total Rows that retention has removed, by kind.
# TYPE shoplaunch_retention_removed_total counter
shoplaunch_retention_removed_total{kind="events"} 12.0
shoplaunch_retention_removed_total{kind="spools"} 0.0
# HELP shoplaunch_retention_oldest_timestamp_seconds When the oldest row left was written, by kind, at the last sweep.
# TYPE shoplaunch_retention_oldest_timestamp_seconds gauge
shoplaunch_retention_oldest_timestamp_seconds{kind="events"} 5.5
# HELP shoplaunch_duty_done_timestamp_seconds When the last backup was made, and what is over was last removed, by duty.
# TYPE shoplaunch_duty_done_timestamp_seconds gauge
shoplaunch_duty_done_timestamp_seconds{duty="retention"} 7.5
# HELP shoplaunch_duty_failing Whether a duty was not done when it was last due, or is late, by duty.
# TYPE shoplaunch_duty_failing gauge
shoplaunch_duty_failing{duty="backup"} 1.0
shoplaunch_duty_failing{duty="retention"} 0.0
shoplaunch_duty_failing{duty="sweep on web1"} 1.0
"""
