"""How agents start on a server: asked at a terminal when it is added, and shown by `server check`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli.servers import starts as server_starts
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import servers
from controller.panels.registry import starts
from controller.settings.loading import load_config
from tests.support.state.installing import install
from tests.support.users.terminal import at_terminal

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
QUESTION = "Start agents at once there?"
WARNING = "Malware scanners may dislike a file that starts programs"
DAY = 86400.0


class House:
    """An installation; `add` adds the server cp1, `engine` is its database."""

    def __init__(self, home):
        self.environment = {**os.environ, "SHOPLAUNCH_HOME": str(home)}
        config = load_config(self.environment)
        install(config)
        self.engine = make_engine(config.database_url)
        token = home / "token"
        token.write_text("A1" * 16)
        self._words = ["server", "add", "cp1", "--panel", "cpanel", "--url", "web1.example", "--user", "root"]
        self._words += ["--token-file", str(token)]

    def add(self, *answers, words=(), at_a_terminal=True):
        """Return (exit code, what was shown)."""
        command = [SHOPLAUNCH, *self._words, *words]
        if at_a_terminal:
            return at_terminal(command, self.environment, answers)
        done = subprocess.run(command, env=self.environment, input="y\n", capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def server(self):
        with reading(self.engine) as connection:
            return servers.get(connection, "cp1")


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("answer", "start"), [("y", "auto"), ("n", "cron"), ("", "cron")])
def test_at_a_terminal_it_is_asked_with_its_consequences(house, answer, start):
    code, shown = house.add((QUESTION, answer))
    assert code == 0, shown
    assert WARNING in " ".join(shown.split()) and shown.index("Agents can be") < shown.index(QUESTION)
    assert (house.server().start, starts(house.server())) == (start, start)


@pytest.mark.parametrize("start", ["auto", "cron"])
def test_who_says_so_is_not_asked(house, start):
    code, shown = house.add(words=["--start", start])
    assert code == 0 and QUESTION not in shown
    assert starts(house.server()) == start


def test_where_nobody_can_answer_cron_starts_the_agents(house):
    code, shown = house.add(at_a_terminal=False)
    assert code == 0 and QUESTION not in shown, shown
    assert (house.server().start, starts(house.server())) == ("", "cron")


def test_of_this_machine_nothing_is_asked(house):
    code, shown = at_terminal([SHOPLAUNCH, "server", "add", "here", "--panel", "local"], house.environment)
    assert code == 0 and QUESTION not in shown, shown
    with reading(house.engine) as connection:
        assert starts(servers.get(connection, "here")) == "auto"


def test_who_interrupts_the_question_adds_nothing(house):
    code, shown = house.add((QUESTION, "\x04"))
    assert code != 0, shown
    with reading(house.engine) as connection:
        assert servers.listed(connection) == []


def row_of(house, *learned, start="auto", now=100.0):
    """Return the row of `server check` once `learned` (way, reason, account) came of starts, one after the other."""
    house.add(words=["--start", start])

    def note(connection):
        for number, (way, reason, account) in enumerate(learned):
            noted = servers.note_report if way and reason else servers.note_start
            noted(connection, "cp1", way, reason, float(number), account)

    transact(house.engine, note)
    return server_starts.check(house.server(), now)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("learned", "ok", "message"),
    [
        ([], True, "not tried yet"),
        ([("web", "", "a")], True, "last time: by web"),
        ([("", "no_answer", "a")], True, "last time: the site did not answer yet"),
        ([("", "functions_disabled", "a")], False, "last time: PHP may not start programs there"),
        ([("", "refused_by_firewall", "a")], True, "last time: a firewall before the sites refused the request"),
        ([("", "refused_by_firewall", "a"), ("", "refused_by_firewall", "b")], False, "last time: a firewall"),
        ([("", "vanished", "a"), ("web", "", "b")], True, "last time: by web"),
        ([("web", "limited", "a"), ("web", "", "b")], True, "last time: an agent was started at once, and its limits"),
        ([("web", "limited", "a"), ("web", "limited", "b")], False, "last time: an agent was started at once, and its"),
    ],
)
def test_server_check_shows_what_came_of_it_and_whether_it_is_tried_again(house, learned, ok, message):
    row = row_of(house, *learned)
    assert (row.name, row.ok, row.essential, row.optional) == ("start at once", ok, False, True)
    assert row.message.startswith(message)
    assert ("`shoplaunch server set cp1 --start auto`" in row.advice) is not ok


def test_server_check_of_a_server_left_to_cron_shows_how_that_is_changed(house):
    row = row_of(house, start="cron")
    assert row.ok and "left to cron" in row.message and "--start auto" in row.message


def test_after_a_month_it_is_tried_again(house):
    assert not row_of(house, ("", "vanished", "a"), now=29 * DAY).ok
    assert server_starts.check(house.server(), 31 * DAY).ok


def test_server_check_prints_the_row(house):
    house.add(words=["--start", "auto"])
    done = subprocess.run(
        [SHOPLAUNCH, "server", "check", "cp1", "--json"], env=house.environment, capture_output=True, text=True
    )
    (row,) = [one for one in json.loads(done.stdout) if one["name"] == "start at once"]
    assert (row["ok"], row["message"]) == (True, "not tried yet")
