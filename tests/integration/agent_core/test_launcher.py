"""The launcher under every shell: which Python it takes, and what it does where there is none."""

import json
import os
import subprocess

import pytest

from agent import VERSION
from controller.agent_archive.build import launcher
from shared.errors import CODES, advice
from shared.events import check_event
from shared.schema import validate

SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]


class LauncherMachine:
    """A machine with interpreters of its own choosing; `run()` starts the launcher on it, by `shell`."""

    def __init__(self, box, shell):
        self.box = box
        self.words = shell
        self.place = self.box.home / "machine"
        self.tools = self.place / "tools"
        self.tools.mkdir(parents=True)
        for name in ("sed", "tr", "cat", "date", "mv", "rm", "grep", "base64", "gzip", "tail", "echo", "sh"):
            self.tool(name)
        text = launcher().decode()
        for folder in ("/opt/alt", "/usr/bin/python", "/usr/libexec"):
            assert folder in text
            text = text.replace(folder, f"{self.place}{folder}")
        (self.box.folder / "run").write_text(text)

    def tool(self, name):
        path = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        os.symlink(path, self.tools / name)

    def python(self, path, script):
        target = self.place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script)
        target.chmod(0o755)

    def run(self):
        self.box.own()
        command = ["setpriv", f"--reuid={self.box.uid}", f"--regid={self.box.gid}", "--clear-groups"]
        command += ["env", "-i", f"HOME={self.box.home}", f"PATH={self.tools}"]
        command += [*self.shell(), str(self.box.folder / "run")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")
        assert done.stderr == ""
        return done

    def shell(self):
        path = subprocess.run(["which", self.words[0]], capture_output=True, text=True, check=True).stdout.strip()
        return [path, *self.words[1:]]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def world(request, box):
    """A LauncherMachine for each kind of shell."""
    return LauncherMachine(box, request.param)


def fitting(name):
    return f'#!/bin/sh\ncase "$1$3" in -V | *-c) exec /usr/bin/python3 "$@" ;; esac\necho {name} "$@"\n'


OLD = '#!/bin/sh\n[ "$1" = -I ] || exit 0\necho "Unknown option: -I" >&2\nexit 2\n'
LIKE_35 = '#!/bin/sh\n[ "$1" = -V ] && { echo Python 3.5.10; exit; }\n[ "$3" = -c ] && exit 1\necho wrong\n'
#: Knows its version, and neither its own library nor anything else: what a removed package may leave.
RUIN = '#!/bin/sh\n[ "$1" = -V ] && { echo Python 3.12.4; exit; }\nexit 1\n'
#: A real one, built where OpenSSL was not.
WITHOUT = """#!/bin/sh
[ "$1" = -V ] && exec /usr/bin/python3 -V
[ "$3" = -c ] && exit 1
shift 2
exec /usr/bin/python3 -I -S -c '
import os, runpy, sys
print("without", len(sys.argv))
sys.stdout.flush()
sys.modules["@LACKS@"] = None
sys.argv.pop(0)
sys.path.insert(0, sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
' "$@"
"""


def test_the_highest_alternative_interpreter_comes_first_and_is_remembered(world, box):
    world.python("opt/alt/python36/bin/python3.6", fitting("alt36"))
    world.python("opt/alt/python311/bin/python3.11", fitting("alt311"))
    world.python("opt/alt/python39/bin/python3.9", fitting("alt39"))
    world.python("usr/bin/python3.12", fitting("system312"))
    assert world.run().stdout == f"alt311 -I -S {box.folder}/agent.pyz run\n"
    assert (box.folder / "python").read_text() == f"{world.place}/opt/alt/python311/bin/python3.11\n"


def test_the_remembered_interpreter_is_used_while_it_fits(world, box):
    world.python("usr/bin/python3.9", fitting("remembered"))
    assert world.run().stdout.startswith("remembered")
    world.python("usr/bin/python3.12", fitting("newer"))
    assert world.run().stdout.startswith("remembered")
    (world.place / "usr/bin/python3.9").unlink()
    assert world.run().stdout.startswith("newer")


def test_interpreters_that_do_not_fit_are_passed_over(world):
    world.python("opt/alt/python313/bin/python3.13", "#!/nowhere/at/all\n")
    world.python("usr/bin/python3.12", OLD)
    world.python("usr/bin/python3.11", LIKE_35)
    world.python("usr/libexec/platform-python", fitting("platform"))
    assert world.run().stdout.startswith("platform")


@pytest.mark.parametrize("lacks", ["_ssl", "zlib", "fcntl"])
def test_one_that_lacks_something_comes_back_at_once_and_another_one_does_the_work(world, box, lacks):
    world.python("usr/bin/python3.12", WITHOUT.replace("@LACKS@", lacks))
    world.python("usr/bin/python3.9", fitting("sound"))
    assert world.run().stdout == f"without 3\nsound -I -S {box.folder}/agent.pyz run\n"
    assert (box.folder / "python").read_text() == f"{world.place}/usr/bin/python3.9\n"
    assert world.run().stdout.startswith("sound")


def test_what_cannot_even_come_back_is_passed_over_by_the_next_tick(world):
    world.python("usr/bin/python3.12", RUIN)
    world.python("usr/bin/python3.9", fitting("sound"))
    assert world.run().returncode == 1
    assert world.run().stdout.startswith("sound")


def test_a_php_with_an_unusual_version_text_is_taken_when_there_is_no_other(world):
    world.python("usr/bin/python3.12", "#!/bin/sh\necho welcome\n" + fitting("talkative").partition("\n")[2])
    assert world.run().stdout.startswith("welcome\ntalkative")
    world.python("usr/bin/python3.9", fitting("sound"))
    (world.box.folder / "python").unlink()
    assert world.run().stdout.startswith("sound")


def test_a_note_of_the_interpreter_that_was_cut_short_is_none(world, box):
    world.python("usr/bin/python3.9", fitting("sound"))
    for text in ("", f"{world.place}/usr/bin/pyt"):
        (box.folder / "python").write_text(text)
        assert world.run().stdout.startswith("sound")


def test_where_it_cannot_be_noted_the_interpreter_is_taken_all_the_same(world, box):
    world.python("usr/bin/python3.9", fitting("sound"))
    (box.folder / "python").touch(mode=0)
    assert world.run().stdout.startswith("sound")
    assert (box.folder / "python").stat().st_size == 0


@pytest.mark.parametrize(
    ("command", "came_back", "expected"),
    [
        ("status", None, "job: -"),
        ("--version", None, f"shoplaunch agent {VERSION}"),
        ("run", None, "came back"),
        ("run", "1", ""),
    ],
)
def test_only_the_work_needs_everything_and_nobody_comes_back_twice(box, command, came_back, expected):
    script = "import sys; sys.modules['_ssl'] = None; sys.argv = sys.argv[1:]; import runpy"
    script += "; sys.path.insert(0, sys.argv[0]); runpy.run_path(sys.argv[0], run_name='__main__')"
    (box.folder / "run").write_text("echo came back\n")
    words = ["/usr/bin/python3", "-I", "-S", "-c", script, str(box.folder / "agent.pyz"), command]
    environment = {} if came_back is None else {"SHOPLAUNCH_CAME_BACK": came_back}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.stdout.partition("\n")[0] == expected


@pytest.mark.parametrize("present", [{}, {"usr/bin/python3": OLD}, {"usr/bin/python3": LIKE_35}])
def test_without_a_fitting_python_word_is_left_in_the_state(world, box, present):
    for path, script in present.items():
        world.python(path, script)
    box.drop()
    done = world.run()
    assert done.returncode == 3 and done.stdout == ""
    assert validate("state", box.state, "stale_state")["error"] == "python_missing"


def test_where_the_only_one_lacks_something_word_is_left_at_once(world, box):
    world.python("usr/bin/python3.12", WITHOUT.replace("@LACKS@", "_ssl"))
    box.drop()
    done = world.run()
    assert (done.returncode, done.stdout) == (3, "without 3\n")
    assert validate("state", box.state, "stale_state")["error"] == "python_missing"


@pytest.mark.parametrize("client", ["curl", "wget"])
@pytest.mark.parametrize("page", ["", "<p>soon</p>" * 400])
def test_without_python_the_controller_is_notified_once_by(world, box, controller, client, page):
    if client == "wget" and "busybox" in world.shell()[0]:
        pytest.skip("this shell calls its own wget, which cannot be given a token but as an argument")
    world.tool(client)
    box.drop(holding_page=page)
    assert world.run().returncode == 3
    ((status, event),) = controller.events
    assert status == 202
    assert check_event(event)["error"] == {
        "code": "python_missing",
        "message": "no Python 3.6 or newer with ssl, zlib and fcntl was found",
        "advice": advice("python_missing"),
        "retryable": CODES["python_missing"]["retryable"],
    }
    assert (event["job"], event["attempt"], event["seq"]) == (box.id, 1, 1)
    assert controller.tokens == ["Bearer " + "t" * 40]
    assert world.run().returncode == 3
    assert len(controller.events) == 1
    assert sorted(path.name for path in box.folder.iterdir()) == ["agent.pyz", "job", "run", "state.json"]


def test_a_controller_that_only_drips_is_given_up_by_a_client_whose_own_time_out_begins_anew(world, box, controller):
    if "busybox" in world.shell()[0]:
        pytest.skip("this shell calls its own wget, which cannot be given a token but as an argument")
    world.tool("wget")
    world.python("tools/timeout", '#!/bin/sh\necho "$@" >>"$HOME/called"\nshift\nexec "$@"\n')
    box.drop()
    assert world.run().returncode == 3
    assert len(controller.events) == 1
    assert (box.home / "called").read_text().startswith("60 wget ")


def test_a_missing_python_is_reported_anew_after_one_came_and_went(world, box, controller):
    world.tool("curl")
    box.drop()
    world.run()
    # An agent that was killed has added to the launcher's word
    state = {**box.state, "updated_at": 1.5}
    (box.folder / "state.json").write_text(json.dumps(state, sort_keys=True) + "\n")
    world.run()
    assert len(controller.accepted("failed")) == 2


def test_an_unreachable_controller_is_tried_again_at_the_next_tick(world, box, controller):
    world.tool("curl")
    box.drop()
    controller.answer = lambda event: (500, {})
    world.run()
    controller.answer = lambda event: None
    world.run()
    assert [status for status, _ in controller.events] == [500, 202]


def test_the_token_never_travels_to_an_address_that_is_not_encrypted(world, box):
    world.python("tools/curl", '#!/bin/sh\necho "$@" >>"$HOME/called"\n')
    box.drop(callback={"url": "http://198.51.100.1/events", "token": "t" * 40})
    assert world.run().returncode == 3
    assert not (box.home / "called").exists()


def test_the_token_is_no_argument_of_any_command(world, box):
    world.python("tools/curl", '#!/bin/sh\necho "$@" >>"$HOME/called"\ncat >>"$HOME/input"\n')
    box.drop()
    world.run()
    assert "t" * 40 not in (box.home / "called").read_text()
    assert "t" * 40 in (box.home / "input").read_text()


def test_once_python_is_there_the_agent_starts_as_if_nothing_had_been(world, box):
    box.with_bundle()
    box.drop()
    world.run()
    assert box.state == {"format": 1, "error": "python_missing"}
    assert box.run("run") == 0
    assert not box.folder.exists()


def test_a_broken_job_file_does_not_upset_the_launcher(world, box):
    for text in ("", "....", "x" * 1000, ".%%%.", "e30.sig"):
        (box.folder / "job").write_text(text)
        assert world.run().returncode == 3
        assert json.loads((box.folder / "state.json").read_text())["error"] == "python_missing"


def test_the_agent_shows_its_version(box):
    assert box.run("--version") == 0
    assert box.output == f"shoplaunch agent {VERSION}\n"
    assert box.run("something", "else") == 2
    assert box.errors.startswith("usage:")
