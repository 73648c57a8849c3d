"""The account's crontab: our line once, everybody else's byte for byte, and a real cron that fires it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.panels.local.crontab import SPOOLS
from shared.errors import ShoplaunchError
from shared.job import cron_line
from tests.attacks.table import attack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root

THEIRS = (
    b"# my own lines\nMAILTO=\"\"\n\n  */5 * * * *   echo 'a  b'  \n@daily true # shoplaunch:job-1x\n"
    b"0 0 1 1 * echo \xff\xfe % raw\n#\t* * * * * off\n"
)

#: Killed as soon as `crontab -` was started.
KILLED = """
import os, signal, subprocess, sys
from controller.panels.local import commands
class Popen(subprocess.Popen):
    def __init__(self, command, **more):
        super().__init__(command, **more)
        os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = Popen
commands.attempt([sys.argv[1], "-u", sys.argv[2], "-"], content=sys.stdin.buffer.read())
"""
SLOW_TO_READ = """#!/bin/sh
sleep 0.5
/usr/bin/crontab "$@"
: >"$0.ended"
"""


@pytest.fixture
def account(server):
    return server.new_account()


def crontab(user, content=None):
    if content is not None:
        subprocess.run(["crontab", "-u", user, "-"], input=content, check=True)
    done = subprocess.run(["crontab", "-u", user, "-l"], capture_output=True)
    # As it is stored: shown by -l some letters are others
    edited = subprocess.run(["crontab", "-u", user, "-e"], capture_output=True, env={**os.environ, "VISUAL": "cat"})
    return edited.stdout if done.returncode == 0 else None


def test_an_account_without_crontab_gets_one_and_loses_it_again(server, account):
    panel = server.panel()
    assert panel.cron_lines(account) == []
    panel.remove_cron(account, "shoplaunch:job-1")
    panel.ensure_cron(account, cron_line("job-1"))
    assert crontab(account.user) == cron_line("job-1").encode() + b"\n"
    assert panel.cron_lines(account) == [cron_line("job-1")]
    panel.remove_cron(account, "shoplaunch:job-1")
    assert crontab(account.user) is None


def test_killed_before_crontab_has_read_the_new_one_it_is_written_all_the_same(account, tmp_path):
    crontab(account.user, THEIRS)
    command = tmp_path / "crontab"
    command.write_text(SLOW_TO_READ)
    command.chmod(0o755)
    content = THEIRS + b"5 5 * * * true # more than a pipe holds\n" * 2000
    done = subprocess.run([sys.executable, "-c", KILLED, str(command), account.user], input=content, check=False)
    assert done.returncode == -signal.SIGKILL
    wait_until((tmp_path / "crontab.ended").exists)
    assert crontab(account.user) == content


def test_other_lines_stay_byte_for_byte(server, account):
    panel = server.panel()
    crontab(account.user, THEIRS)
    panel.ensure_cron(account, cron_line("job-1"))
    panel.ensure_cron(account, cron_line("job-1"))
    panel.ensure_cron(account, cron_line("job-2"))
    assert crontab(account.user) == THEIRS + f"{cron_line('job-1')}\n{cron_line('job-2')}\n".encode()
    panel.remove_cron(account, "shoplaunch:job-1")
    assert crontab(account.user) == THEIRS + f"{cron_line('job-2')}\n".encode()
    panel.remove_cron(account, "shoplaunch:job-2")
    assert crontab(account.user) == THEIRS


#: As an editor of another system writes it, and as long as cron takes it.
#: The end of its empty lines is none that cron takes
THEIR_LINES = THEIRS.replace(b"\n\n", b"\n")
OF_ANOTHER_SYSTEM = THEIR_LINES.replace(b"\n", b"\r\n")
LONG = b"# " + 300_000 * b"c" + b"\n5 4 * * * : " + 900 * b"x" + b"\nNAME=" + 900 * b"v" + b"\n"
LETTERS = b"5 4 * * * printf 'a\\r\\b'\n# \b\n"
KINDS = {"of another system": OF_ANOTHER_SYSTEM, "long": LONG, "letters": LETTERS}


@attack(
    "an account's owner has an editor of another system write the crontab, or lines as long as cron takes",
    "they stay byte for byte, also where `crontab -l` shows the ends of lines as other letters",
)
@pytest.mark.parametrize("theirs", KINDS.values(), ids=KINDS)
def test_lines_of_any_end_and_length_stay_byte_for_byte(server, account, theirs):
    panel = server.panel()
    crontab(account.user, theirs)
    panel.ensure_cron(account, cron_line("job-1"))
    assert crontab(account.user) == theirs + f"{cron_line('job-1')}\n".encode()
    assert panel.cron_lines(account)[-1] == cron_line("job-1")
    panel.remove_cron(account, "shoplaunch:job-1")
    assert crontab(account.user) == theirs


#: Reads a crontab, and is killed with all it started as soon as a copy of that crontab lies somewhere.
KILLED_READING = """
import glob, os, signal, subprocess, sys
from controller.panels.local import crontab, settings
user, marker = sys.argv[1], sys.argv[2].encode()
def is_copied():
    for path in glob.glob("/tmp/crontab.*/*"):
        try:
            with open(path, "rb") as stream:
                if marker in stream.read():
                    return True
        except OSError:
            continue
    return False
class Popen(subprocess.Popen):
    def __init__(self, command, **more):
        super().__init__(command, **more)
        while self.poll() is None:
            if is_copied():
                os.killpg(0, signal.SIGKILL)
subprocess.Popen = Popen
sys.stdout.buffer.write(crontab.Crontab(settings.LocalSettings.from_dict({"php": []}), user).read())
"""


@attack(
    "the controller is killed, with all it has started, while it reads a crontab that `crontab -l` shows otherwise",
    "no copy of the crontab is left anywhere: none is made",
)
def test_killed_while_a_crontab_is_read_it_leaves_no_copy_of_it(account):
    theirs = b"# of " + account.user.encode() + b"\r\n" + OF_ANOTHER_SYSTEM
    crontab(account.user, theirs)
    command = [sys.executable, "-c", KILLED_READING, account.user, f"# of {account.user}"]
    done = subprocess.run(command, start_new_session=True, capture_output=True, check=False)
    copies = [path for path in Path("/tmp").glob("crontab.*/*") if theirs in path.read_bytes()]
    for path in copies:
        path.unlink()
        path.parent.rmdir()
    assert (copies, done.returncode, done.stdout) == ([], 0, theirs), done.stderr


def shows(tmp_path, with_command):
    """Return the path of a crontab command that shows a crontab (of the user $2) otherwise than Debian's does."""
    command = tmp_path / "crontab"
    command.write_text(f'#!/bin/sh\ncase "$*" in *-l*) exec {with_command}; esac\nexec /usr/bin/crontab "$@"\n')
    command.chmod(0o755)
    return str(command)


def test_a_crontab_that_is_shown_as_it_is_stored_is_written_back_byte_for_byte(server, account, tmp_path):
    theirs = OF_ANOTHER_SYSTEM + LETTERS
    crontab(account.user, theirs)
    # Without the three lines of Debian's header
    panel = server.panel(crontab=shows(tmp_path, 'tail -n +4 "/var/spool/cron/crontabs/$2"'))
    panel.ensure_cron(account, cron_line("job-1"))
    assert crontab(account.user) == theirs + f"{cron_line('job-1')}\n".encode()
    panel.remove_cron(account, "shoplaunch:job-1")
    assert crontab(account.user) == theirs


def uses_of(panel, account):
    """Return all that a panel does with a crontab, as calls."""
    return (
        lambda: panel.ensure_cron(account, cron_line("job-1")),
        lambda: panel.remove_cron(account, "shoplaunch:job-1"),
        lambda: panel.cron_lines(account),
    )


def test_a_crontab_that_is_shown_otherwise_than_it_is_stored_is_never_written(server, account, tmp_path):
    crontab(account.user, THEIRS)
    panel = server.panel(crontab=shows(tmp_path, "printf '%s\\n' '5 4 * * * of-another-account \\r'"))
    for call in uses_of(panel, account):
        with pytest.raises(ShoplaunchError) as failure:
            call()
        said = f"the crontab of {account.user}: it is not stored as crontab -l shows it"
        assert (failure.value.code, failure.value.message) == ("cron_edit_failed", said)
    assert crontab(account.user) == THEIRS


def test_a_line_that_an_editor_of_another_system_wrote_anew_is_put_there_again_and_goes(server, account):
    panel = server.panel()
    panel.ensure_cron(account, cron_line("job-1"))
    crontab(account.user, (THEIR_LINES + crontab(account.user)).replace(b"\n", b"\r\n"))
    panel.ensure_cron(account, cron_line("job-1"))
    assert panel.cron_lines(account).count(cron_line("job-1")) == 1
    panel.remove_cron(account, "shoplaunch:job-1")
    assert crontab(account.user) == OF_ANOTHER_SYSTEM


@attack(
    "the last line of an account's crontab has no end, be it the account's own or the agent's: cron takes no such one",
    "it is ended: the agent's line runs, and goes, and every other line is as it was",
)
@pytest.mark.parametrize("last", ["theirs", "ours"])
def test_a_last_line_without_an_end_is_ended(server, account, last):
    ours, panel = cron_line("job-1").encode(), server.panel()
    stored = {"theirs": ours + b"\n" + THEIRS[:-1], "ours": THEIRS + ours}[last]
    for step in ("ensure", "remove"):
        crontab(account.user, stored + b"\n")
        spool = Path(SPOOLS[0]) / account.user
        # With the lines that `crontab` puts above them
        spool.write_bytes(spool.read_bytes()[:-1])
        if step == "ensure":
            panel.ensure_cron(account, cron_line("job-1"))
            assert crontab(account.user) == THEIRS + ours + b"\n"
        else:
            panel.remove_cron(account, "shoplaunch:job-1")
            assert crontab(account.user) == THEIRS


def test_a_line_that_stands_there_twice_is_made_one(server, account):
    crontab(account.user, THEIRS + 2 * f"{cron_line('job-1')}\n".encode())
    server.panel().ensure_cron(account, cron_line("job-1"))
    assert server.panel().cron_lines(account).count(cron_line("job-1")) == 1
    assert crontab(account.user).startswith(THEIRS)


@pytest.mark.parametrize("line", ["not a cron line", "* * * *", "99 * * * * true", "* * * * * a\n* * * * * b", ""])
def test_a_line_cron_would_not_take_leaves_the_crontab_as_it_was(server, account, line):
    crontab(account.user, THEIRS)
    with pytest.raises(ShoplaunchError) as failure:
        server.panel().ensure_cron(account, line)
    assert failure.value.code == "cron_edit_failed"
    assert crontab(account.user) == THEIRS


def test_a_crontab_that_cannot_be_read_is_never_written(server, account, tmp_path):
    crontab(account.user, THEIRS)
    broken = tmp_path / "crontab"
    broken.write_text('#!/bin/sh\ncase "$*" in *-l*) echo "spool not readable" >&2; exit 1;; esac\nexec crontab "$@"\n')
    broken.chmod(0o755)
    panel = server.panel(crontab=str(broken))
    for call in uses_of(panel, account):
        with pytest.raises(ShoplaunchError) as failure:
            call()
        assert failure.value.code == "cron_edit_failed"
        assert "spool not readable" in str(failure.value)
    assert crontab(account.user) == THEIRS


def test_the_interval_is_a_minute(server, account):
    assert server.panel().cron_interval_seconds(account) == 60


@pytest.mark.sampled(of=2, rests=True)
@pytest.mark.cron
def test_real_cron_runs_the_launcher_as_the_account_and_only_once(server, account):
    panel = server.panel()
    launcher = b"#!/bin/sh\nid -un >> ~/fired\nrm ~/.shoplaunch/run\n"
    panel.put_file(account, ".shoplaunch/run", launcher, 0o700)
    panel.ensure_cron(account, cron_line("job-1"))
    fired = Path(account.home) / "fired"
    deadline = time.monotonic() + 400
    # The last thing it does: by then what it wrote is there
    while (Path(account.home) / ".shoplaunch" / "run").exists() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert fired.read_text() == f"{account.user}\n"
    assert os.stat(fired).st_uid == os.stat(account.home).st_uid
    # The line is still there and means nothing without the launcher.
    assert panel.cron_lines(account) == [cron_line("job-1")]
    subprocess.run(["sh", "-c", cron_line("job-1").split("* * * * * ")[1]], env={"HOME": account.home}, check=True)
    panel.remove_cron(account, "shoplaunch:job-1")
    assert fired.read_text() == f"{account.user}\n"
