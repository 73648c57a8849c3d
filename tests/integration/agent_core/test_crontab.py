"""The crontab is edited with the system's own `crontab`, in a real account."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from shared.job import cron_line
from tests.attacks.table import attack

EDIT = """
import sys
sys.path.insert(0, sys.argv[1])
from agent.session import crontab
@CHANGES@
from shared.errors import ShoplaunchError
class Log:
    def info(self, *values): pass
try:
    crontab.remove_line(sys.argv[2], Log())
except ShoplaunchError as error:
    print(error.code)
"""


#: Killed as soon as `crontab -` was started.
KILLED = """
import os, signal, subprocess
class Popen(subprocess.Popen):
    def __init__(self, command, **more):
        super().__init__(command, **more)
        if command[-1] == "-":
            os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = Popen
"""
SLOW_TO_READ = """#!/bin/sh
[ "$1" = - ] || exec /usr/bin/crontab "$@"
sleep 0.5
/usr/bin/crontab -
: >"$0.ended"
"""


@pytest.fixture
def edit(box):
    def run(path="/usr/bin:/bin", before="", returncode=0, changes=""):
        script = box.home / "edit.py"
        script.write_text(before + EDIT.replace("@CHANGES@", changes))
        box.own()
        command = ["/usr/bin/setpriv", f"--reuid={box.uid}", f"--regid={box.gid}", "--clear-groups", "/usr/bin/python3"]
        command += [str(script), str(box.folder / "agent.pyz"), box.id]
        done = subprocess.run(command, env={"PATH": path}, stdout=subprocess.PIPE, text=True, check=False, timeout=120)
        assert done.returncode == returncode
        return done.stdout.strip()

    return run


def test_only_our_line_goes_and_the_others_stay_byte_for_byte(box, edit):
    others = ["# a comment  ", 'MAILTO=""', "  1 2 * * *   /bin/true   # trailing  ", "@daily true", "# سلام"]
    box.cron(*others[:3], cron_line(box.id), *others[3:])
    assert edit() == ""
    assert box.crontab == "".join(line + "\n" for line in others)


def test_a_last_line_without_an_end_is_ended(box, edit):
    box.cron(cron_line(box.id), "5 4 * * * true")
    spool = Path("/var/spool/cron/crontabs", box.user)
    spool.write_bytes(spool.read_bytes()[:-1])
    assert edit() == ""
    assert box.crontab == "5 4 * * * true\n"


@attack(
    "an account's owner has an editor of another system write the crontab, whose lines `crontab -l` shows otherwise",
    "the agent takes its own line out, and the others stay as they are stored",
)
def test_lines_that_are_shown_otherwise_than_they_are_stored_stay(box, edit):
    others = ["5 4 * * * true\r", "6 4 * * * printf 'a\\r\\b'", "# \b"]
    box.cron(others[0], f"{cron_line(box.id)}\r", *others[1:])
    assert edit() == ""
    command = ["crontab", "-u", box.user, "-e"]
    stored = subprocess.run(command, env={**os.environ, "VISUAL": "cat"}, stdout=subprocess.PIPE, check=True).stdout
    assert stored.decode() == "".join(line + "\n" for line in others)


#: The editor kills `crontab -e`, whose copy stays.
KILLED_EDITING = "crontab.EDIT_NOTHING = ('env', 'VISUAL=kill -9 $PPID; true', 'crontab', '-e')"


@pytest.fixture
def copies(box):
    """Return the account's copies of crontabs as they are now."""

    def found():
        return [path for path in Path("/tmp").glob("crontab.*") if path.lstat().st_uid == box.uid]

    yield found
    for path in found():
        shutil.rmtree(path)


@attack(
    "the agent is killed while it reads a crontab with an editor, which leaves a copy of it in /tmp",
    "nobody else can read the copy, and the next start removes it",
)
def test_a_copy_that_was_left_by_a_kill_is_removed_by_the_next_start(box, edit, copies):
    others = ["5 4 * * * true\r", "6 4 * * * env TOKEN=secret true"]
    box.cron(others[0], cron_line(box.id), others[1])
    assert edit(changes=KILLED_EDITING) == "cron_edit_failed"
    (left,) = copies()
    assert (left / "crontab").read_bytes().endswith(b"secret true\n")
    assert left.stat().st_mode & 0o077 == 0
    os.utime(left, (0, 0))
    assert edit() == ""
    assert copies() == []
    assert cron_line(box.id) not in box.crontab


def test_what_else_is_called_like_a_copy_stays(box, edit, copies):
    box.cron("5 4 * * * true\r", cron_line(box.id))
    for _ in range(3):
        assert edit(changes=KILLED_EDITING) == "cron_edit_failed"
    changed, opened, young = copies()
    (changed / "crontab").write_text("# another crontab\n")
    for path in (changed, opened):
        os.utime(path, (0, 0))
    editor = subprocess.Popen(["tail", "-f", str(opened / "crontab")], stdout=subprocess.DEVNULL)
    try:
        assert edit() == ""
    finally:
        editor.kill()
        editor.wait()
    assert sorted(copies()) == sorted([changed, opened, young])


def test_where_no_copies_can_be_looked_for_the_line_goes_all_the_same(box, edit):
    box.cron("5 4 * * * true\r", cron_line(box.id))
    # As in a jail that has no such folder, or may not list it
    assert edit(changes="crontab.COPIES_FOLDER = '/nowhere'") == ""
    assert cron_line(box.id) not in box.crontab


def test_where_lines_are_shown_as_they_are_stored_no_editor_is_needed(box, edit):
    tools = box.home / "tools"
    tools.mkdir()
    others = "5 4 * * * true\r\n6 4 * * * grep '\\bx'\n"
    (tools / "stored").write_bytes(f"{others}{cron_line(box.id)}\n".encode())
    (tools / "crontab").write_text(
        f'#!/bin/sh\n[ "$1" = -l ] && exec cat {tools}/stored\n[ "$1" = - ] && exec tee {tools}/stored\nexit 1\n'
    )
    (tools / "crontab").chmod(0o755)
    assert edit(f"{tools}:/usr/bin:/bin") == ""
    assert (tools / "stored").read_bytes() == others.encode()


def test_a_header_that_the_account_asks_for_is_no_line_of_its_crontab(box, edit):
    others = ["6 4 * * * printf 'a\\r'", "# theirs"]
    box.cron(others[0], cron_line(box.id), others[1])
    assert edit(before="import os\nos.environ['CRONTAB_NOHEADER'] = 'N'\n") == ""
    assert box.crontab == "".join(line + "\n" for line in others)


def test_lines_of_another_job_stay(box, edit):
    box.cron(cron_line("another123"), cron_line(box.id), cron_line(box.id + "x"))
    assert edit() == ""
    assert box.crontab == cron_line("another123") + "\n" + cron_line(box.id + "x") + "\n"


def test_a_line_that_is_there_twice_goes_twice(box, edit):
    box.cron(cron_line(box.id), "1 1 1 1 1 true", cron_line(box.id))
    assert edit() == ""
    assert box.crontab == "1 1 1 1 1 true\n"


def test_a_crontab_of_our_line_alone_disappears(box, edit):
    box.cron(cron_line(box.id))
    assert edit() == ""
    assert box.crontab is None


def test_an_account_without_crontab_is_fine(box, edit):
    assert edit() == ""
    assert box.crontab is None


@pytest.mark.parametrize("came", ["nothing", "our line alone"])
def test_a_crontab_that_cannot_be_read_is_never_written(box, edit, came):
    box.cron()
    before = box.crontab
    tools = box.home / "tools"
    tools.mkdir()
    (tools / "line").write_text("" if came == "nothing" else cron_line(box.id) + "\n")
    reading = f'[ "$1" = -l ] && cat {tools}/line && exit 1'
    (tools / "crontab").write_text(f'#!/bin/sh\n{reading}\necho written >"$0.written"\n')
    (tools / "crontab").chmod(0o755)
    assert edit(f"{tools}:/usr/bin:/bin") == "cron_edit_failed"
    assert not (tools / "crontab.written").exists()
    assert box.crontab == before


def test_a_rewrite_that_does_not_read_back_is_noticed(box, edit):
    box.cron()
    tools = box.home / "tools"
    tools.mkdir()
    (tools / "crontab").write_text('#!/bin/sh\n[ "$1" = -l ] && exec /usr/bin/crontab -l\nexit 0\n')
    (tools / "crontab").chmod(0o755)
    assert edit(f"{tools}:/usr/bin:/bin") == "cron_edit_failed"


def test_without_a_crontab_command_it_fails_clearly(box, edit):
    box.cron()
    empty = box.home / "empty"
    empty.mkdir()
    assert edit(str(empty)) == "cron_edit_failed"


@pytest.mark.parametrize("lines", [2, 3000])
def test_killed_before_crontab_has_read_the_new_one_no_line_of_the_owner_is_lost(box, edit, lines):
    others = [f"{number % 60} 1 * * * true {number} of many" for number in range(lines)]
    box.cron(*others, cron_line(box.id))
    tools = box.home / "tools"
    tools.mkdir()
    (tools / "crontab").write_text(SLOW_TO_READ)
    (tools / "crontab").chmod(0o755)
    edit(f"{tools}:/usr/bin:/bin", before=KILLED, returncode=-signal.SIGKILL)
    box.wait_for((tools / "crontab.ended").exists)
    assert box.crontab == "".join(line + "\n" for line in others)


@pytest.mark.parametrize(
    "says",
    ["exec sleep 1000", "sleep 1000 & echo $! >$0.child; wait", 'yes "1 1 1 1 1 true"', "exec cat /dev/zero"],
)
def test_a_crontab_that_never_ends_keeps_nobody_waiting(box, edit, says):
    tools = box.home / "tools"
    tools.mkdir()
    (tools / "crontab").write_text(f"#!/bin/sh\n{says}\n")
    (tools / "crontab").chmod(0o755)
    changes = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\ncrontab.TIMEOUT_SECONDS = 2"
    try:
        assert edit(f"{tools}:/usr/bin:/bin", changes=changes) == "cron_edit_failed"
    finally:
        if (tools / "crontab.child").exists():
            os.kill(int((tools / "crontab.child").read_text()), signal.SIGKILL)
