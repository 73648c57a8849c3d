"""The starter's text: under every subset of functions, and as scanners, shells and every PHP at hand read it."""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.panels.cpanel.start.starter import Starter, names, starter_key
from shared.starter import MARK, NAME
from tests.integration.starter.launched import put_launcher, starts, wait_for_start
from tests.support.servers.php_versions import VERSIONS, complaints

STARTER = Starter(b"key", "abcdefgh", 1)
TEMPLATE = Path(__file__).resolve().parents[3] / "controller" / "panels" / "cpanel" / "start" / "starter.php"
WAYS = ("proc_open", "popen", "exec", "shell_exec", "system", "passthru")
SECONDS = 60

needs_php = pytest.mark.skipif(shutil.which("php") is None, reason="no php here")


@pytest.fixture
def home(tmp_path):
    """A home whose launcher leaves evidence, with a starter."""
    made = tmp_path / "demo"
    (made / "public_html").mkdir(parents=True)
    put_launcher(made)
    place_text(made)
    return made


def place_text(home, text=None):
    """A starter lies in the document root; return its path."""
    path = home / "public_html" / STARTER.name
    path.write_bytes(text or STARTER.content("demo", str(home)))
    return path


def run(home, *disabled, method="POST", path=None):
    """Run the starter as PHP of a web server would; return what it printed."""
    path = path or home / "public_html" / STARTER.name
    command = ["php", "-d", "variables_order=EGPCS", "-d", f"disable_functions={','.join(disabled)}", str(path)]
    environment = {"PATH": os.environ["PATH"], "REQUEST_METHOD": method}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS, cwd="/")
    return done.stdout


def left(home):
    return sorted(path.name for path in (home / "public_html").iterdir())


@pytest.mark.sampled(of=2)
@needs_php
@pytest.mark.parametrize("allowed", [subset for size in range(7) for subset in itertools.combinations(WAYS, size)],
                         ids=lambda subset: "+".join(subset) or "none")  # fmt: skip
def test_with_every_subset_of_functions_it_starts_by_the_first_allowed_or_says_that_there_is_none(home, allowed):
    outcome = STARTER.outcome(run(home, *(way for way in WAYS if way not in allowed)))
    assert outcome == ((True, "") if allowed else (False, "functions_disabled"))
    assert left(home) == []
    if allowed:
        wait_for_start(home)
    assert len(starts(home)) == bool(allowed)


@needs_php
@pytest.mark.parametrize(
    "also", ["posix_geteuid", "proc_close", "pclose", "proc_get_status", "proc_nice", "set_time_limit"]
)
def test_other_functions_that_hosts_switch_off_are_not_needed(home, also):
    assert STARTER.outcome(run(home, also)) == (True, "")
    wait_for_start(home)
    assert left(home) == []


#: What it calls, the ways of starting programs apart.
CALLED = sorted(set(re.findall(r"(?<![$\w])([a-z_]+)\(", TEMPLATE.read_text())) - {"if", "isset", "array", *WAYS})


@needs_php
@pytest.mark.parametrize("missing", CALLED)
def test_without_any_function_it_calls_it_starts_once_at_most_and_nothing_before_it_is_gone(home, missing):
    outcome = STARTER.outcome(run(home, missing))
    if left(home):
        # Nobody hears of a start that was none: it is good for one, as before
        assert left(home) == [STARTER.name] and outcome in (None, (False, "failed"))
        assert STARTER.outcome(run(home)) == (True, "")
        wait_for_start(home)
    assert len(starts(home)) <= 1 and left(home) == []


@needs_php
def test_one_that_runs_twice_starts_once(home, tmp_path):
    text = (home / "public_html" / STARTER.name).read_bytes()
    assert STARTER.outcome(run(home)) == (True, "")
    wait_for_start(home)
    # Compiled before it was removed, as by a request that came at the same time
    twin = tmp_path / "twin.php"
    gone = home / "public_html" / STARTER.name
    twin.write_bytes(text.replace(b"__FILE__", b"'%s'" % str(gone).encode()))
    assert STARTER.outcome(run(home, path=twin)) == (False, "took_too_long")
    assert len(starts(home)) == 1


def test_it_has_at_most_forty_lines_and_begins_as_it_is_known():
    text = TEMPLATE.read_bytes()
    assert len(text.splitlines()) <= 40
    assert text.startswith(MARK)


def test_it_hides_nothing_from_malware_scanners():
    text = TEMPLATE.read_text()
    for word in (
        "base64",
        "eval",
        "gzinflate",
        "str_rot13",
        "chr(",
        "pack(",
        "call_user_func",
        "create_function",
        "assert(",
    ):
        assert word not in text
    # Literal calls, and of what comes with a request the method alone is looked at, never handed on
    assert not re.search(r"\$\w+\s*\(", text.replace("$(command", ""))
    assert set(re.findall(r"\$_\w+(?:\['\w+'\])?", text)) == {"$_SERVER['REQUEST_METHOD']"}
    assert not re.search(r"getenv|php://input|getallheaders|apache_request_headers|include|require", text)


@pytest.mark.parametrize("version", ("5.2", "7.2", "7.3", *VERSIONS))
def test_every_php_at_hand_accepts_it(version, tmp_path):
    path, other = tmp_path / "starter.php", tmp_path / "other.php"
    path.write_bytes(STARTER.content("demo", "/home/demo"))
    other.write_text("<?php $a = [1;")
    found = complaints(version, [path, other])
    assert found[str(path)] == "" and found[str(other)] != ""


def test_it_uses_nothing_that_came_after_php_52():
    text = re.sub(r"'(?:[^'\\]|\\.)*'", "''", TEMPLATE.read_text())
    code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    for late in (r"\[\s*[^\]\s$'\d]", r"=\s*\[", r"\?:", r"\?\?", r"\bnamespace\b", r"\bfunction\s*\(", r"\bfn\b",
                 r"__DIR__",
                 r"\bgoto\b", r"<<<'", r"\buse\b", r"\bstatic::", r"=>\s*\["):  # fmt: skip
        assert not re.search(late, code), late


@pytest.mark.parametrize(
    "home", ["/home/de'mo", "/home/de mo", "/home/$(id)", "/home/../x", "home/demo", "/home/demo/", "/"]
)
def test_a_home_that_a_shell_could_read_otherwise_gets_no_starter(home):
    assert STARTER.content("demo", home) is None


@pytest.mark.parametrize("user", ["de'mo", "Demo", "", "0demo", "demo;id", "a" * 40])
def test_a_user_that_a_shell_could_read_otherwise_gets_no_starter(user):
    assert STARTER.content(user, "/home/demo") is None


def test_names_follow_from_key_job_and_attempt_so_that_they_are_found_again():
    assert NAME.match(STARTER.name)
    assert Starter(b"key", "abcdefgh", 1).name == STARTER.name
    others = [Starter(b"kez", "abcdefgh", 1), Starter(b"key", "abcdefgi", 1), Starter(b"key", "abcdefgh", 2)]
    assert len({STARTER.name, *(one.name for one in others)}) == 4
    assert STARTER.nonce not in STARTER.name
    assert names(b"key", "abcdefgh", 3)[-1] == STARTER.name and len(names(b"key", "abcdefgh", 300)) == 50
    assert starter_key(b"salt") != starter_key(b"salz")
