"""What a process measures counts what ended, as it ended, and a worker shows it to Prometheus."""

import contextlib
import math
import socket

import pytest
import requests
from click.testing import CliRunner

from controller import measures
from controller.cli import main
from shared.errors import ShoplaunchError
from tests.support.waiting import wait_until


def value(name, **labels):
    return measures.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_call_to_a_panel_counts_as_failed_when_it_raises():
    with measures.panel_call("measured"):
        pass
    with pytest.raises(OSError), measures.panel_call("measured"):
        raise OSError
    for outcome in ("ok", "failed"):
        assert value("shoplaunch_panel_call_seconds_count", server="measured", outcome=outcome) == 1.0


@pytest.mark.parametrize("seconds", [None, "3", -1, math.nan, math.inf, 1e9, [], {}])
def test_what_an_account_reports_as_seconds_and_is_no_duration_is_left_out(seconds):
    before = value("shoplaunch_stage_seconds_count", stage="unpack")
    measures.stage_ended("unpack", seconds)
    assert value("shoplaunch_stage_seconds_count", stage="unpack") == before
    measures.stage_ended("unpack", 2.5)
    assert value("shoplaunch_stage_seconds_count", stage="unpack") == before + 1


def test_it_is_shown_at_the_port_of_a_worker():
    server = measures.serve("127.0.0.1", 0)
    try:
        shown = requests.get(f"http://127.0.0.1:{server.server_port}/metrics", timeout=30).text
        assert "# TYPE shoplaunch_step_seconds histogram" in shown and "_created" not in shown
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_that_somebody_has_taken_stops_no_work_and_is_used_once_it_is_free(monkeypatch, caplog):
    monkeypatch.setattr(measures, "AGAIN_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        measures.show("127.0.0.1", port)
        assert f"another process has 127.0.0.1:{port}" in caplog.text
    wait_until(lambda: is_shown(port))


def is_shown(port):
    with contextlib.suppress(requests.ConnectionError):
        return "shoplaunch_step_seconds" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    return False


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ShoplaunchError) as caught:
        measures.show("192.0.2.1", 0)
    assert caught.value.code == "config_invalid"


def test_a_client_that_says_nothing_keeps_others_waiting_for_seconds_only(monkeypatch):
    assert measures._Handler.timeout == 10
    monkeypatch.setattr(measures._Handler, "timeout", 0.2)
    server = measures.serve("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", server.server_port)):
            assert requests.get(f"http://127.0.0.1:{server.server_port}/metrics", timeout=30).ok
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("address", ["unix:/run/x", "8001", "127.0.0.1:99999", "127.0.0.1:²", "somewhere"])
def test_an_address_that_is_no_port_is_refused_before_a_worker_begins(address, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOPLAUNCH_HOME", str(tmp_path))
    answer = CliRunner().invoke(main, ["worker", "--metrics", address])
    assert answer.exit_code == 2 and "HOST:PORT" in answer.output
