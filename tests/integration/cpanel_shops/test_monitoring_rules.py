"""The alert rules and the dashboard of packaging/monitoring, evaluated by a real Prometheus while shops are made."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
import sqlalchemy as sa
import yaml

from controller.db import tables
from controller.db.connection.engine import transact
from controller.db.machines import duties, workers
from controller.db.upkeep import retention
from controller.panels.local.private_stack.stack import free_port
from controller.web.api.metrics import text
from tests.integration.cpanel_shops import dashboard_picture

MONITORING = Path(__file__).parents[3] / "packaging" / "monitoring"
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))["panels"]
#: Prometheus has looked this often before anything is asked of it.
LOOKS = 3
#: Nobody waits so long; it only stops a hang.
SECONDS = 120
#: How a rule compares: the comparison alone tells true from false.
_COMPARISON = re.compile(r"(==|>) (?=[0-9]+\Z)")


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Write nothing."""


@pytest.fixture
def shown(world):
    """The port at which /metrics of the world is shown."""

    def application(_environment, start):
        start("200 OK", [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
        return [text(world.service.monitoring.health()).encode("utf-8")]

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


class Prometheus:
    """A running Prometheus that looks at one port every half second, with the rules as they are shipped."""

    def __init__(self, folder, watched):
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
        settings["rule_files"] = [str(MONITORING / "alerts.yml")]
        settings["global"] = {"evaluation_interval": "500ms"}
        (job,) = settings["scrape_configs"]
        job |= {"scrape_interval": "500ms", "static_configs": [{"targets": [f"127.0.0.1:{watched}"]}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        command = [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self.url.removeprefix('http://')}", "--log.level=error",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, expression):
        """Return the values of the expression now."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", (expression, answer)
        return [float(one["value"][1]) for one in answer["data"]["result"]]

    def ask_range(self, expression, began, ended):
        """Return (labels, [(time, value)]) of each result of the expression between two moments."""
        asked = {"query": expression, "start": began, "end": ended, "step": max(0.5, (ended - began) / 300)}
        answer = requests.get(f"{self.url}/api/v1/query_range", params=asked, timeout=30).json()
        assert answer["status"] == "success", (expression, answer)
        found = answer["data"]["result"]
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found]

    def until(self, condition):
        """Wait until the condition holds."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                if condition():
                    return
            except requests.RequestException:
                pass
            assert self.process.poll() is None and time.monotonic() < end
            time.sleep(0.2)

    def looked(self, times):
        """Wait until it has looked so often from now on."""
        wanted = time.time() + times * 0.5
        self.until(lambda: self.ask('timestamp(up{job="shoplaunch"})') >= [wanted])

    def stop(self):
        """End it."""
        self.process.kill()
        self.process.wait(SECONDS)


@pytest.fixture
def prometheus(shown, tmp_path):
    """A running Prometheus that watches the world."""
    if shutil.which("prometheus") is None:
        pytest.skip("no Prometheus here")
    running = Prometheus(tmp_path, shown)
    yield running
    running.stop()


def live(world):
    transact(world.engine, lambda connection: workers.beat(connection, "one", chores=True))
    done(world, time.time())
    job = world.sold()
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)


def done(world, at):
    """A backup was made, and what is over was removed, `at` this time."""
    note = {"at": at, "user": "command line", "action": retention.BACKED_UP}
    swept = {"kind": retention.SWEEP, "removed": 0, "at": at}

    def work(connection):
        connection.execute(sa.insert(tables.audit).values(**note))
        connection.execute(sa.delete(tables.retention).where(tables.retention.c.kind == retention.SWEEP))
        connection.execute(sa.insert(tables.retention).values(**swept))

    transact(world.engine, work)


def test_a_night_without_backup_or_retention_alerts(world, prometheus):
    done(world, time.time() - 3 * 86_400)
    transact(world.engine, lambda made: duties.note_failure(made, "backup", "backup_failed", "full", time.time()))
    prometheus.looked(LOOKS)
    asked = f"{prometheus.url}/api/v1/alerts"
    # Pending: each has to last before it fires
    prometheus.until(lambda: len(alerts_of(asked, "ShoplaunchDuty")) == 3)
    assert sorted(alerts_of(asked, "ShoplaunchDuty")) == [
        ("ShoplaunchDutyFails", "backup"), ("ShoplaunchDutyLate", "backup"), ("ShoplaunchDutyLate", "retention"),
    ]  # fmt: skip


def alerts_of(asked, beginning):
    found = [one["labels"] for one in requests.get(asked, timeout=30).json()["data"]["alerts"]]
    return [(one["alertname"], one["duty"]) for one in found if one["alertname"].startswith(beginning)]


@pytest.mark.sampled(of=3, rests=True)
def test_every_rule_and_every_query_of_the_dashboard_has_an_answer_while_shops_are_made(world, prometheus):
    live(world)
    prometheus.looked(LOOKS)
    live(world)
    prometheus.looked(LOOKS)
    for rule in RULES:
        asked, changed = _COMPARISON.subn(r"\1 bool ", rule["expr"])
        assert changed == 1 and prometheus.ask(asked), rule["alert"]
    for panel in PANELS:
        for target in panel["targets"]:
            assert [value for value in prometheus.ask(target["expr"]) if value == value], panel["title"]
    loaded = requests.get(f"{prometheus.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
    assert {rule["health"] for group in loaded for rule in group["rules"]} <= {"ok", "unknown"}


@pytest.mark.nightly
def test_a_picture_of_the_dashboard_shows_every_panel(world, prometheus):
    began = time.time()
    for _ in range(int(os.environ.get("SHOPLAUNCH_PICTURE_SHOPS", "2"))):
        live(world)
        prometheus.looked(LOOKS)
    picture = dashboard_picture.take(PANELS, prometheus, began, time.time())
    assert picture.startswith(b"\x89PNG")
    if "SHOPLAUNCH_PICTURE" in os.environ:
        Path(os.environ["SHOPLAUNCH_PICTURE"]).write_bytes(picture)


def test_every_metric_a_rule_or_a_panel_asks_for_is_one_there_is(world):
    live(world)
    there = set(re.findall(r"^(shoplaunch_\w+)", text(world.service.monitoring.health()), re.MULTILINE))
    asked = " ".join([rule["expr"] for rule in RULES] + [one["expr"] for panel in PANELS for one in panel["targets"]])
    assert set(re.findall(r"shoplaunch_\w+", asked)) <= there
