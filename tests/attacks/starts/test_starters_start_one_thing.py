"""A starter starts its account's agent once, and nothing else, for any number of callers and killed at any instant."""
# ruff: noqa: F811

import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.starter import NAME, is_starter
from tests.attacks.table import attack
from tests.integration.starter.conftest import host_of, place  # noqa: F401
from tests.integration.starter.launched import starts, wait_for_start
from tests.integration.starter.test_text import (
    STARTER,
    TEMPLATE,
    home,  # noqa: F401
    left,
    needs_php,
    place_text,
    run,
)
from tests.support.waiting import wait_until

AS_ACCOUNT = ("fpm", "suexec")
METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW")


@attack(
    "A host runs every site's PHP as one user, who is not the account",
    "the starter says so and starts nothing",
)
@pytest.mark.parametrize("ini", [{}, {"disable_functions": "posix_geteuid"}], ids=["posix", "without posix"])
def test_apaches_own_php_is_not_the_account_and_starts_nothing(host_of, ini):
    host = host_of("mod_php", ini)
    answer = host.ask(f"/{host.starter.name}")
    outcome = host.starter.outcome(answer.body)
    assert outcome is not None and not outcome[0], (answer.status, answer.body, host.log())
    assert ini or outcome[1] == "php_not_the_account"
    assert not starts(host.home)


@pytest.mark.sampled(of=3)
@attack(
    "Another user's PHP runs the starter, in a document root that may even be open to all",
    "the starter finds as whom it runs and starts nothing",
)
@pytest.mark.parametrize("ini", [{}, {"disable_functions": "posix_geteuid"}], ids=["posix", "without posix"])
@pytest.mark.parametrize("mode", [0o755, 0o777], ids=["closed", "open to all"])
@pytest.mark.parametrize(
    ("kind", "more"), [("mod_php", {}), ("fpm", {"runs_as": "nobody"})], ids=["www-data", "nobody"]
)
def test_another_users_php_starts_nothing(host_of, ini, mode, kind, more):
    host = host_of(kind, ini, **more)
    host.root.chmod(mode)
    answer = host.ask(f"/{host.starter.name}")
    outcome = host.starter.outcome(answer.body)
    assert outcome is not None and not outcome[0], (answer.status, answer.body, host.log())
    if mode == 0o777:
        assert outcome[1] == "php_not_the_account"
        assert not list(host.root.glob("shoplaunch-start-*"))
    assert not starts(host.home)


@attack(
    "A thousand ask for the starter at the same time",
    "whose removal of the file succeeds is first; nobody else starts anything",
)
@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_asked_by_a_thousand_at_once_it_starts_the_launcher_once(host_of, kind):
    host = host_of(kind)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: host.ask(f"/{host.starter.name}"), range(1000)))
    first = [one for one in answers if host.starter.outcome(one.body) == (True, "")]
    assert len(first) == 1
    wait_for_start(host.home)
    assert len(starts(host.home)) == 1


@attack(
    "Crawlers and strangers ask for the starter with other methods than POST",
    "nothing is started, and the starter is gone",
)
@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_other_methods_start_nothing_and_leave_no_starter(host_of, kind):
    host, wanted = host_of(kind), 0
    for attempt, method in enumerate(METHODS, 1):
        starter = place(host, attempt)
        answer = host.ask(f"/{starter.name}", method=method)
        assert answer.status in (200, 405, 501), (method, answer.status, host.log())
        # HEAD has no answer of the starter's, and some servers do not hand every method on
        outcome = starter.outcome(answer.body)
        assert outcome in (None, (False, "refused_by_site")), (method, answer.body)
        assert method != "GET" or outcome is not None, (answer.status, host.log())
        assert len(starts(host.home)) == wanted, method
        outcome = starter.outcome(host.ask(f"/{starter.name}").body)
        # Who was not handed on is still there, and good for its one start
        assert outcome in (None, (True, "")), method
        assert not list(host.root.glob("shoplaunch-start-*")), method
        wanted += outcome is not None
        wait_for_start(host.home, wanted)


@attack(
    "The starter is asked before the launcher lies there, or after it has left",
    "as at a tick of cron, nothing happens",
)
@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_before_the_launcher_lies_there_and_after_it_has_left_nothing_happens(host_of, kind):
    host = host_of(kind)
    (host.home / ".shoplaunch" / "run").unlink()
    assert host.starter.outcome(host.ask(f"/{host.starter.name}").body) == (True, "")
    second = place(host, attempt=2)
    assert host.ask(f"/{host.starter.name}").status == 404
    assert (host.root / second.name).exists()
    assert not starts(host.home)


@attack(
    "The web server is killed right after it has started the agent",
    "the agent goes on in a session of its own",
)
def test_the_launcher_outlives_the_web_server_that_started_it(host_of):
    host = host_of("fpm", launcher="sleep 1; touch {home}/outlived".replace("{home}", "$HOME"))
    assert host.starter.outcome(host.ask(f"/{host.starter.name}").body) == (True, "")
    wait_for_start(host.home)
    host.end("fpm.pid", signal.SIGKILL)
    wait_until((host.home / "outlived").exists)


@attack(
    "The web server kills everything a request has started when it ends",
    "the agent is in a session of its own and goes on",
)
@pytest.mark.parametrize("before", [b"umask 022;", b"umask 022; sleep 1;"], ids=["quick", "slow"])
def test_what_ends_a_requests_processes_does_not_end_the_agent(host_of, before):
    host = host_of("suexec", launcher="sleep 1; touch $HOME/outlived", ends_group=True)
    path = host.root / host.starter.name
    path.write_bytes(path.read_bytes().replace(b"umask 022;", before))
    assert host.starter.outcome(host.ask(f"/{host.starter.name}").body) == (True, ""), host.log()
    wait_for_start(host.home)
    wait_until((host.home / "outlived").exists)


STATEMENTS = [number for number, line in enumerate(TEMPLATE.read_text().splitlines()) if re.match(r"\S.*[;}]$", line)]


@needs_php
@attack(
    "PHP is killed at any instant of the starter",
    "the starter lies there whole, or is gone; what it leaves is known as its own and goes; nothing starts twice",
)
@pytest.mark.parametrize("disabled", [(), ("posix_geteuid",)], ids=["posix", "without posix"])
@pytest.mark.parametrize("after", STATEMENTS)
def test_killed_after_any_statement_it_leaves_nothing_but_itself(home, after, disabled):
    lines = STARTER.content("demo", str(home)).decode().splitlines(keepends=True)
    lines.insert(after + 1, "posix_kill(posix_getpid(), 9);\n")
    place_text(home, "".join(lines).encode())
    printed = run(home, *disabled)
    assert printed == b"" or after >= max(STATEMENTS) - 1
    for name in left(home):
        assert NAME.match(name) and is_starter((home / "public_html" / name).read_bytes())
    # Asked once more, as by somebody who got no answer
    if (home / "public_html" / STARTER.name).exists():
        place_text(home)
        run(home)
        wait_for_start(home)
    assert len(starts(home)) <= 1 and left(home) == []


@needs_php
@attack(
    "PHP is killed while it looks as whom it runs",
    "the empty file it made bears the starter's name, and agent and controller take it away",
)
def test_killed_while_it_looks_as_whom_it_runs_it_leaves_an_empty_file_of_its_own_name(home):
    text = STARTER.content("demo", str(home)).decode()
    inside = text.replace("    $me = $about['uid'];\n", "posix_kill(posix_getpid(), 9);\n")
    assert inside != text
    place_text(home, inside.encode())
    run(home, "posix_geteuid")
    assert left(home) == [f"{STARTER.name}.tmp"]
    assert (home / "public_html" / f"{STARTER.name}.tmp").read_bytes() == b""
    assert starts(home) == []
