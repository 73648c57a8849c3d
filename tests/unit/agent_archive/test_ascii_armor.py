"""The agent as text: the same agent, whatever happens while it unpacks itself."""

import os
import signal
import stat
import subprocess
import sys
import zipfile

import pytest

from controller.agent_archive.ascii_armor import armored
from tests.support.machine.interpreters import interpreters

MAIN = """
import os, sys
print(os.path.abspath(sys.path[0]), sys.argv[1:], sys.flags.isolated)
"""
#: Nobody in particular: the agent refuses to be root.
USER = 65534
#: Python's words for a file that was text when it looked what kind it is, and the agent already when it read it: of one
#: that starts in just that moment. The controller is putting the agent there then.
BETWEEN_TWO_LOOKS = ("null byte", "Non-UTF-8")


class Place:
    """A folder of the account with the armored agent in it, below `parent`."""

    def __init__(self, parent):
        self.folder = parent / "home"
        self.path = self.folder / "agent.pyz"
        with zipfile.ZipFile(parent / "binary", "w") as archive:
            archive.writestr("__main__.py", MAIN)
            # Large enough to be killed in the middle
            archive.writestr("ballast", os.urandom(300_000))
        self.binary = (parent / "binary").read_bytes()
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, USER, USER)
        self.put()

    def command(self, python):
        # Other interpreters live below root's home, which nobody else may enter
        caps = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *caps]
        return [*drop, python, "-I", str(self.path)]

    def start(self, *arguments, python="/usr/bin/python3"):
        return subprocess.Popen(
            [*self.command(python), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments, python="/usr/bin/python3"):
        process = self.start(*arguments, python=python)
        self.output, self.errors = process.communicate(timeout=120)
        return process.returncode

    def put(self, content=None):
        self.path.write_bytes(armored(self.binary) if content is None else content)
        self.path.chmod(0o644)
        os.chown(self.path, USER, USER)


@pytest.fixture
def place(tmp_path):
    """A Place whose account may go there."""
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return Place(tmp_path)


def is_real(place):
    assert place.path.read_bytes() == place.binary
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
    assert os.listdir(place.folder) == ["agent.pyz"]
    return True


def test_it_is_plain_text_and_always_the_same():
    text = armored(b"agent" * 1000)
    assert text == armored(b"agent" * 1000)
    assert text.isascii() and b"\r" not in text and b"@TEXT@" not in text and b"@SHA256@" not in text
    assert max(map(len, text.split(b"\n"))) <= 120
    # What a form would have to escape only costs bytes
    assert not set("+/=") & set(text.split(b'TEXT = """')[1].split(b'"""')[0].decode().replace("=", "", 2))


def test_once_started_it_is_the_real_agent(place):
    assert place.run("run", "--x") == 0, place.errors
    assert place.output == f"{place.path} ['run', '--x'] 1\n"
    assert is_real(place)
    assert place.run("again") == 0
    assert "again" in place.output


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_it_runs_on_every_python_there_is(place, version):
    assert place.run("run", python=interpreters()[version]) == 0, place.errors
    assert is_real(place)


def test_line_ends_of_another_system_do_no_harm(place):
    place.put(armored(place.binary).replace(b"\n", b"\r\n"))
    assert place.run("run") == 0, place.errors
    assert is_real(place)


def test_a_text_that_was_altered_or_cut_is_not_run(place):
    text = armored(place.binary)
    middle = len(text) // 2
    for bad in (text.replace(text[middle : middle + 8], b"AAAAAAAA"), text[:middle] + b'\n"""\n' + text[-60:]):
        place.put(bad)
        assert place.run("run") != 0
        assert place.path.read_bytes() == bad
        assert place.output == ""


def test_many_starts_at_once_all_become_the_real_agent_at_the_latest_with_the_next_tick(place):
    started = [place.start("run", str(number)) for number in range(8)]
    for number, process in enumerate(started):
        output, errors = process.communicate(timeout=120)
        if process.returncode != 0 and any(words in errors for words in BETWEEN_TWO_LOOKS):
            assert place.run("run", str(number)) == 0, place.errors
            output = place.output
        else:
            assert process.returncode == 0, errors
        assert f"['run', '{number}']" in output
    assert is_real(place)


def test_killed_at_any_moment_it_is_text_or_agent_and_never_half_of_it(place):
    text = armored(place.binary)
    for call in ("open", "fsync", "rename", "execv"):
        place.put()
        command = place.command("/usr/bin/python3")[:-2]
        done = subprocess.run([*command, "-I", "-c", _killing(call), str(place.path)], capture_output=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, (call, done.stderr)
        assert place.path.read_bytes() in (text, place.binary)
        assert place.run("run") == 0, place.errors
        assert place.path.read_bytes() == place.binary


def _killing(call):
    """Return a program that runs the text given to it and is killed as soon as it calls os.<call>."""
    return f"""
import os, runpy, signal, sys
def kill(*arguments, **more):
    os.kill(os.getpid(), signal.SIGKILL)
real_open = os.open
def open_then_kill(path, flags, *more):
    if flags & os.O_CREAT and str(path).startswith(sys.argv[0]):
        descriptor = real_open(path, flags, *more)
        os.write(descriptor, b"half of it")
        kill()
    return real_open(path, flags, *more)
sys.argv = sys.argv[1:]
os.{call} = open_then_kill if {call!r} == "open" else kill
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_newer_agent_that_came_meanwhile_stays(place):
    newer = armored(b"PK newer agent")
    program = f"""
import os, runpy, sys
real, sys.argv = os.fsync, sys.argv[1:]
def fsync(descriptor):
    os.fsync = real
    with open(sys.argv[0], "wb") as stream:
        stream.write({newer!r})
    return real(descriptor)
os.fsync, os.execv = fsync, lambda *words: sys.exit(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    command = place.command("/usr/bin/python3")[:-2]
    done = subprocess.run([*command, "-I", "-c", program, str(place.path)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert place.path.read_bytes() == newer
    assert os.listdir(place.folder) == ["agent.pyz"]


def test_where_nothing_can_be_written_the_next_start_tries_again(place):
    place.folder.chmod(0o500)
    assert place.run("run") == 1
    assert place.errors
    place.folder.chmod(0o700)
    assert place.run("run") == 0
    assert is_real(place)


def test_root_is_refused(place):
    done = subprocess.run([sys.executable, "-I", str(place.path), "run"], capture_output=True, timeout=120)
    assert done.returncode == 3
    assert place.path.read_bytes() == armored(place.binary)
