"""Traces: one of each job, from the order to the mail, as a collector receives it; nothing where they are off."""

import os
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.billing.mail import Mail
from controller.cli import main
from controller.jobs.record.sealed_values import sealed
from controller.panels.calls_under_way import CALLS
from controller.settings.loading import load_config
from controller.settings.sections import MailConfig
from controller.telemetry import otlp, tracing
from controller.telemetry.job_at_hand import working_on
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, LAUNCHER_FILE
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import Site

ERROR = 2


class Collector:
    """Receives spans; `spans` are those that came."""

    def __init__(self):
        self.spans = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                assert handler.path == "/v1/traces"
                found = ExportTraceServiceRequest()
                found.ParseFromString(handler.rfile.read(int(handler.headers["Content-Length"])))
                for resource in found.resource_spans:
                    for scope in resource.scope_spans:
                        self.spans.extend(scope.spans)
                handler.send_response(200)
                handler.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def received(self):
        tracing._exporter.flush()
        return self.spans

    def trace_of(self, job):
        return otlp.trace_of(job).to_bytes(16)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def database_url(tmp_path):
    """SQLite alone: what is traced does not depend on the database."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def collector():
    made = Collector()
    tracing.begin(made.url)
    yield made
    tracing.begin("")
    made.close()


def attributes(span):
    kinds = {one.key: one.value for one in span.attributes}
    return {key: value.string_value or value.int_value for key, value in kinds.items()}


def test_a_job_has_one_trace_from_the_order_to_the_mail(collector, world, tmp_path):
    mail = Mail(MailConfig(folder=str(tmp_path / "mails")))
    world.service.installation.billing = lambda *_: mail
    job = world.order()
    world.work()
    with working_on(job.id, job.server, 1), CALLS.call("web1"):
        pass
    world.finish(job)
    spans = collector.received()
    names = {span.name for span in spans}
    assert {"order", "step drop", "step check", "panel call", "stage import", "step notify", "mail"} <= names
    assert len({span.trace_id for span in spans}) == 1
    known = {span.span_id: span.name for span in spans}
    (order,) = [span for span in spans if span.name == "order"]
    assert order.parent_span_id == b""
    assert {span.parent_span_id for span in spans if span.name.startswith("step ")} == {order.span_id}
    assert [known[span.parent_span_id] for span in spans if span.name == "mail"] == ["step notify"]
    assert all(attributes(span)["job"] == job.id for span in spans)


def test_an_order_by_the_command_begins_its_trace_and_is_sent_when_the_command_ends(collector):
    words = ["order", "--server", "web-1", "--bundle", "boutique", "--domain", "traced.example", "--account", "alice"]
    with Site() as site:
        environment = {**site.environment, "SHOPLAUNCH_TRACES_URL": collector.url}
        done = CliRunner().invoke(main, [*words, "--email", "owner@example.com"], env=environment)
    assert done.exit_code == 0, done.output
    job = done.output.strip()
    assert [(span.name, span.trace_id) for span in collector.spans] == [("order", collector.trace_of(job))]


def test_reports_that_are_stored_in_one_transaction_are_traced_each_as_its_own_jobs(collector, world, tmp_path):
    placed = [world.dropped(domain=f"s{number}.example.com", account=f"user{number}") for number in range(3)]
    together = world.service.agents._group_commit
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    more = {"stage": "unpack", "percent": 40, "seconds": 1.5}
    threads = [threading.Thread(target=agent.send, args=("stage_finished",), kwargs=more) for _job, agent in placed]
    threads[0].start()
    # It waits for the database; the second then stores what the third wants as well
    wait_until(lambda: together._at_work and not together._waiting)
    for number, thread in enumerate(threads[1:], 1):
        thread.start()
        wait_until(lambda number=number: len(together._waiting) == number)
    other.execute("ROLLBACK")
    for thread in threads:
        thread.join(120)
    other.close()
    found = sorted(attributes(span)["job"] for span in collector.received() if span.name == "stage unpack")
    assert found == sorted(job.id for job, _agent in placed)


def test_a_trace_holds_no_address_name_password_or_token(collector, world):
    job, agent = world.dropped()
    agent.fail("import_failed")
    world.work()
    payload = agent.payload
    sent = b"".join(span.SerializeToString() for span in collector.received()).decode("latin-1")
    secrets = [job.domain, job.email, job.account, "Alice", agent.token, payload["callback"]["url"]]
    assert [one for one in secrets if one in sent] == []


def test_work_that_fails_is_marked_and_says_nothing_of_the_error(collector):
    with working_on("aaaaaaaaaa", "web1", 3), pytest.raises(ValueError), tracing.span("step check", step="check"):
        raise ValueError("the client's name")
    (span,) = collector.received()
    assert span.status.code == ERROR and not span.events and not span.status.message
    assert attributes(span) == {
        "job": "aaaaaaaaaa",
        "server": "web1",
        "attempt": 3,
        "step": "check",
        "outcome": "failed",
    }


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("words", [["worker"], ["serve", "--bind", "127.0.0.1:0"]], ids=lambda words: words[0])
def test_a_process_of_its_own_sends_what_it_does_and_ends(collector, words):
    with Site() as site:
        for name in (LAUNCHER_FILE, AGENT_FILE):
            (site.home / "agent").mkdir(exist_ok=True)
            (site.home / "agent" / name).touch()
        job = site.order("traced.example")
        private = sealed(site.service.installation.keys, {"db.password": "p" * 16})
        site.put(job, "preparing", wake_at=0.0, **private)
        environment = {**os.environ, **site.environment, "SHOPLAUNCH_TRACES_URL": collector.url}
        command = [sys.executable, "-c", "from controller.cli import main; main()", *words]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: [span for span in collector.spans if span.name.startswith("step ")])
        finally:
            process.terminate()
            assert process.wait(60) == 0
    assert {span.trace_id for span in collector.spans} == {collector.trace_of(job.id)}


def test_a_collector_that_is_away_keeps_nothing_from_its_work(world):
    tracing.begin("http://127.0.0.1:1")
    try:
        world.live()
    finally:
        tracing.begin("")


def test_nothing_of_it_is_loaded_while_traces_are_off():
    code = "import sys, controller.cli.serve; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["collector:4318", "http://collector.example.com:4318", "https://user:word@collector"])
def test_an_address_that_is_none_or_open_to_others_is_refused(tmp_path, url):
    with pytest.raises(ShoplaunchError) as caught:
        load_config({"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_TRACES_URL": url})
    assert caught.value.code == "config_invalid"
