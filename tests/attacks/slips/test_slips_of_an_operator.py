"""One stroke at the command line neither changes a living shop nor replaces a file: it asks, or wants an option."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.bundles.pack.writer import BundleWriter
from controller.cli import main
from controller.db.connection.engine import transact
from controller.db.tables import jobs
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.users.terminal import at_terminal
from tests.support.worlds.web_site import Site, an_order

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
OLD = b"the bundle that was sold for a year"
#: Point in the writing of a bundle where its process is killed.
KILLED = {
    "members": "os.kill(os.getpid(), 9)",
    "assembled": "path = bundle.assemble(b'{}'); os.kill(os.getpid(), 9)",
    "half": "bundle._copy = lambda *_: os.kill(os.getpid(), 9); bundle.assemble(b'{}')",
}


@pytest.fixture(scope="module")
def house():
    with Site() as made:
        yield made


@pytest.fixture
def bundle(tmp_path):
    """A bundle that is there already."""
    path = tmp_path / "shop.bundle"
    path.write_bytes(OLD)
    return path


def packing(bundle, *more):
    return ["pack", "--docroot", str(bundle.parent / "none"), "--dump", "none.sql", "-o", str(bundle), *more]


def command(words, environment=None):
    """Run a command without a terminal, nobody answering."""
    return CliRunner(env=environment).invoke(main, words)


@attack("an operator packs onto a bundle that is there, in a script", "it is refused, and named with the option")
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_without_a_terminal_no_bundle_is_replaced_unless_it_is_said(bundle, words):
    done = command(packing(bundle, *words))
    assert done.exit_code == 1
    assert "not_confirmed" in done.output and "--replace" in done.output and "Next:" not in done.output
    assert bundle.read_bytes() == OLD
    if words:
        assert json.loads(done.stdout)["error"]["code"] == "not_confirmed"


@attack("an operator packs onto a bundle that is there, at a terminal", "he is asked before anything is done")
def test_at_a_terminal_it_is_asked(bundle):
    code, shown = at_terminal([SHOPLAUNCH, *packing(bundle)], os.environ, [("Replace it?", "n")])
    assert code == 1 and "docroot_missing" not in shown
    code, shown = at_terminal([SHOPLAUNCH, *packing(bundle)], os.environ, [("Replace it?", "y")])
    assert code == 1 and "docroot_missing" in shown
    assert bundle.read_bytes() == OLD


@attack("a packing that may replace a bundle fails, or only checks", "the old bundle stays")
def test_a_packing_that_fails_keeps_the_old_bundle(bundle):
    assert "docroot_missing" in command(packing(bundle, "--replace")).output
    # A check writes none, and so asks for nothing
    assert "docroot_missing" in command(packing(bundle, "--check")).output
    assert bundle.read_bytes() == OLD


@attack("a packing that may replace a bundle is killed", "the old bundle stays until the new one is whole")
@pytest.mark.parametrize("point", KILLED)
def test_a_packing_that_is_killed_keeps_the_old_bundle(bundle, point):
    code = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from controller.bundles.pack.writer import BundleWriter
        with BundleWriter(Path(sys.argv[1])) as bundle:
            bundle.add_document("tables", "db/tables.json.gz", b"[]", False)
            exec(sys.argv[2])
    """)
    done = subprocess.run([sys.executable, "-c", code, str(bundle), KILLED[point]], check=False)
    assert done.returncode == -signal.SIGKILL
    assert bundle.read_bytes() == OLD


@attack("two packings write the same new bundle", "the second one is refused at its end, and the first's bundle stays")
def test_a_bundle_that_came_up_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "shop.bundle"
    with BundleWriter(target) as bundle:
        path = bundle.assemble(b"{}")
        target.write_bytes(OLD)
        with pytest.raises(ShoplaunchError) as refused:
            bundle.publish(path, replace=False)
        assert refused.value.code == "name_taken" and target.read_bytes() == OLD
        bundle.publish(path)
    assert target.read_bytes() != OLD
    with BundleWriter(tmp_path / "new.bundle") as bundle:
        bundle.publish(bundle.assemble(b"{}"), replace=False)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["new.bundle", "shop.bundle"]


@attack("an operator builds an agent, or backs up, onto a file that is there", "it stays")
@pytest.mark.parametrize("words", [["agent", "build", "-o"], ["backup"]])
def test_no_other_command_replaces_a_file_unasked(house, bundle, words):
    done = command([*words, str(bundle)], house.environment)
    assert done.exit_code == 1 and bundle.read_bytes() == OLD
    assert done.output.startswith(("not_confirmed", "name_taken", f"{bundle} exists"))


@attack(
    "root writes a bundle or an agent to a device, or to -", "it is refused: no device is replaced, no file called -"
)
@pytest.mark.parametrize("more", [[], ["--replace"]])
@pytest.mark.parametrize("command_of", ["pack", "agent"])
def test_only_files_are_written(house, tmp_path, monkeypatch, command_of, more):
    monkeypatch.chdir(tmp_path)
    device = tmp_path / "device"
    os.mkfifo(device)
    words = {"pack": lambda file: ["pack", "--docroot", ".", "--dump", "x.sql", "-o", file, *more],
             "agent": lambda file: ["agent", "build", "-o", file, *more]}[command_of]  # fmt: skip
    assert "file_error" in command(words(str(device)), house.environment).output
    assert stat.S_ISFIFO(device.stat().st_mode)
    done = command(words("-"), house.environment)
    assert done.exit_code == 2 and "name a file" in done.output
    assert [one.name for one in tmp_path.iterdir()] == ["device"]


@attack("decisions are to go to -", "it is refused: no file called - comes up")
def test_decisions_go_to_no_file_called_dash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command(["pack", "--docroot", ".", "--dump", "x.sql", "--check", "--decisions", "-"])
    assert done.exit_code == 2 and list(tmp_path.iterdir()) == []


#: Command that changes something that lives -> its words.
STROKES = {
    "cancel": ["cancel"],
    "https-on": ["https-on"],
    "remove": ["remove"],
    "a generated password": ["set-admin-password", "--generate"],
}


def _undo(house):
    job = house.put(house.order("undone.example"), "cancelled")
    return ["cancel", job.id, "--undo"], lambda: house.service.jobs.get(job.id).state, "undone.example"


def _send(house):
    with pytest.raises(ShoplaunchError):
        house.service.orders.place(an_order("again.example", server="web9"), "api", "")
    order = house.service.orders.list_refused()[0]
    return ["refused", "send", str(order.id)], lambda: house.service.orders.get_refused(order.id).tries, "again.example"


def _retry(house):
    parent = house.put(house.order("closing.example"), "live")
    job = house.order("closing-child.example")
    change = (
        sa.update(jobs).where(jobs.c.id == job.id).values(kind="remove", parent=parent.id, state="failed", step="drop")
    )
    transact(house.service.installation.engine, lambda connection: connection.execute(change))
    house.put_step(house.service.jobs.get(job.id), "drop", "failed")
    return ["retry", job.id], lambda: house.service.jobs.get(job.id).state, "remove on the living shop"


def _rotate(house):
    keys = load_config(house.environment).keys
    return ["key", "rotate"], (keys / "signing").read_bytes, "skeleton install"


def _retire(house):
    keys = load_config(house.environment).keys
    return ["key", "retire"], lambda: sorted(path.name for path in keys.iterdir()), "sign in again"


AGAIN = {"undo": _undo, "send": _send, "retry": _retry, "rotate": _rotate, "retire": _retire}


@pytest.mark.sampled(of=2)
@attack("an operator cancels a job, closes a shop or switches it, by a wrong line of his history", "he is asked first")
@pytest.mark.parametrize("stroke", STROKES)
def test_what_lives_is_changed_by_no_single_stroke(house, stroke):
    domain = f"{STROKES[stroke][0]}-a-living-shop.example"
    job = house.order(domain)
    if stroke != "cancel":
        job = house.put(job, "live")
    done = command([*STROKES[stroke], job.id], house.environment)
    assert done.exit_code == 1
    assert "not_confirmed" in done.output and "--yes" in done.output and domain in done.output
    environment = {**os.environ, **house.environment}
    code, shown = at_terminal([SHOPLAUNCH, *STROKES[stroke], job.id], environment, [("[y/N]", "n")])
    assert code == 1 and "Abort" in shown
    assert house.service.jobs.get(job.id).state == job.state
    assert house.service.jobs.follow_ups(job.id) == []
    answered = command([*STROKES[stroke], job.id, "--yes"], house.environment)
    assert "not_confirmed" not in answered.output


@pytest.mark.sampled(of=2)
@attack(
    "an operator takes a cancellation back, sends a refused order again, goes on with a job that closes a shop, or "
    "makes newer keys or ends older ones, by a wrong line of his history",
    "he is asked first: a shop would be built or changed, or every server's agent is to be put anew",
)
@pytest.mark.parametrize("stroke", AGAIN)
def test_what_builds_or_changes_shops_again_is_asked(house, stroke):
    words, untouched, shown = AGAIN[stroke](house)
    before = untouched()
    done = command(words, house.environment)
    assert done.exit_code == 1 and "not_confirmed" in done.output and "--yes" in done.output
    assert shown in done.output
    code, said = at_terminal([SHOPLAUNCH, *words], {**os.environ, **house.environment}, [("[y/N]", "n")])
    assert code == 1 and "Abort" in said
    assert untouched() == before
    assert "not_confirmed" not in command([*words, "--yes"], house.environment).output


@pytest.mark.sampled(of=2)
@attack(
    "an operator starts the service in a folder that is gone since, such as that of an earlier version",
    "it says so, and what to do, in one sentence",
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_service_is_not_started_in_a_folder_that_is_gone(house, tmp_path, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    words = ["sh", "-c", 'cd "$1" && rmdir "$1" && exec "$2" "$3"', "sh", gone, SHOPLAUNCH, command]
    environment = {**os.environ, **house.environment}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "the folder this is started in is gone" in done.stderr
    assert "Traceback" not in done.stderr


@attack("an operator takes the agent out of a server's skeleton by a wrong line of his history", "he is asked first")
def test_a_skeleton_is_taken_away_by_no_single_stroke(house):
    done = command(["skeleton", "remove", "web-1"], house.environment)
    assert done.exit_code == 1 and "not_confirmed" in done.output


def test_what_is_asked_is_no_part_of_what_programs_read(house):
    command(["key", "add", "shop"], house.environment)
    done = CliRunner(env=house.environment).invoke(main, ["key", "renew", "shop", "--json"], input="y\n")
    assert json.loads(done.stdout)["name"] == "shop"


def test_every_command_that_asks_has_an_option_not_to():
    """Questions are in one place; where a command asks, it has the option."""
    folder = Path(main.callback.__code__.co_filename).parent
    for path in folder.rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name not in ("confirmation.py", "review.py"):
            assert "click.confirm(" not in text, path.name
        if " confirm(" in text and path.name != "confirmation.py":
            assert "@yes_option" in text, path.name
