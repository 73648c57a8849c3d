"""An agent that is started at once, by cron, by both or by neither, at every stage and with kills: the same shop.

The shop is the sample shop as the packer packs it, restored into one account again and again, with the same values.
"""

import json
import os
import random
import shutil
import signal
import stat
from contextlib import closing, suppress
from datetime import datetime
from itertools import product

import pytest

from agent.base import exit_codes
from controller.agent_archive.build import launcher
from controller.bundles.residue.bundle_reader import open_bundle
from shared.encoding import canonical_json, sha256_hex
from shared.job import LAUNCHER_FILE
from tests.bench.material import KNOWN
from tests.resume.compare import finish
from tests.resume.test_kills import helper_of
from tests.support.sampling import choose_day
from tests.support.servers.web.controller_stub import Controller
from tests.support.worlds.agent_box import Box, killing_agent
from tests.support.worlds.cpanel_world import install_template, pack_template

pytestmark = pytest.mark.skipif(shutil.which("php") is None, reason="no php for the sample shop")

RING, CRON = "ring", "cron"
STARTS = (RING, CRON)
STAGES = ("verify", "preflight", "unpack", "import", "configure", "prove", "switch", "report", "cleanup")
#: Nobody is killed; the first to come is, before the second one comes or after; and which of its processes.
KILLS = ("nobody", *(f"{who} {when}" for when in ("before", "after") for who in ("group", "parent", "helper")))
#: Here the helper is at work for certain, and it is the one that is held.
WITH_HELPER = "unpack"
CROSSINGS = [
    one for one in product(STAGES, STARTS, STARTS, KILLS) if one[0] == WITH_HELPER or not one[3].startswith("helper")
]
#: Of all of them these today, in rotation: after some weeks every one has run.
A_DAY = 5
_TURNS = random.Random(21).sample(CROSSINGS, len(CROSSINGS))
DAILY = [_TURNS[(choose_day() * A_DAY + one) % len(_TURNS)] for one in range(A_DAY)]
#: What a start at once finds itself in: neither the first of its session nor of a group.
RUNG = ("env", "SHOPLAUNCH_START=web", "sh", "-c", '"$@"; code=$?; exit $code', "sh")
RESTORED = "of the restore"
OURS = ("pause", "paused", "go", "plan.json")


class Account(Box):
    """An account with the sample shop's bundle, as new as often as needed."""

    def __init__(self, server, bundle, keys, agent):
        super().__init__(Controller(), keys, agent)
        self._server, self._agent, self._bundle = server, agent, bundle
        self._database = server.new_database()
        with open_bundle(bundle) as opened:
            self._names = opened.manifest["values"]
            manifest = sha256_hex(canonical_json(opened.manifest))
        ((self._packed,),) = server.query("SELECT NOW()")
        self.pin = {"manifest_sha256": manifest, "size": bundle.stat().st_size}

    def job(self, **changes):
        database, user, password = self._database
        values = {name: KNOWN.get(name, f"value-{name}") for name in self._names}
        values |= {"root": str(self.root), "home": str(self.home), "db.host": "localhost", "db.port": ""}
        values |= {"db.name": database, "db.user": user, "db.password": password, "db.socket": self._server.socket}
        return super().job(values=values, **changes)

    def renew(self):
        """Nothing is in the account but what the controller puts there; its cron line is placed."""
        name = self._database[0]
        self._server.drop_database(name)
        self._server.query(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        shutil.rmtree(self.home)
        for folder, mode in ((self.home, 0o711), (self.folder, 0o700), (self.root, 0o750)):
            folder.mkdir()
            folder.chmod(mode)
        shutil.copy(self._agent, self.folder / "agent.pyz")
        (self.folder / LAUNCHER_FILE).write_bytes(launcher())
        shutil.copy(self._bundle, self.folder / "shop.bundle")
        self.own()
        self.drop()
        self.cron()
        self.controller.events.clear()

    def begin(self, how):
        """Start the launcher at once or as cron does; return the process."""
        self.rung = how == RING
        return self.start()

    def command(self, *arguments, **more):
        words = super().command(*arguments, **more)
        if not self.rung:
            return words
        place = words.index("sh") if "sh" in words else len(words)
        return [*words[:place], *RUNG, *words[place:]]

    def tick(self, how):
        """Let one start run to its end; return the exit code."""
        process = self.begin(how)
        process.communicate(timeout=120)
        return process.returncode

    def held_at(self, stage, how):
        """Start an agent that is held at the beginning of `stage`; return (process, the agent's process id)."""
        (self.home / "pause").write_text(stage)
        process = self.begin(how)
        self.wait_for(lambda: (self.home / "paused").exists() or process.poll() is not None)
        assert process.poll() is None, (stage, process.communicate())
        (pid, _start), *_ = json.loads((self.folder / "lock").read_text())["processes"]
        # The next one is held nowhere
        (self.home / "pause").unlink()
        return process, pid

    def go(self):
        (self.home / "go").touch()

    def picture(self):
        """Return the shop as a whole: tables with their checksums and definitions, tree, crontab and home."""
        database = self._database[0]
        query = lambda sql: self._server.query(sql, database=database)  # noqa: E731
        kinds = dict(query("SHOW FULL TABLES"))
        tables = {}
        for name, kind in kinds.items():
            rows = sorted(map(self._row, query(f"SELECT * FROM `{name}`"))) if kind == "BASE TABLE" else None
            tables[name] = rows, query(f"SHOW CREATE TABLE `{name}`")[0][1]
        tables["triggers"] = [row[:5] for row in query("SHOW TRIGGERS")]
        tree = {}
        for path in sorted(self.root.rglob("*")):
            found = path.lstat()
            kind = stat.S_IFMT(found.st_mode)
            what = os.readlink(path) if stat.S_ISLNK(kind) else path.read_bytes() if stat.S_ISREG(kind) else None
            tree[str(path.relative_to(self.root))] = found.st_mode, found.st_uid, what
        home = {path.name for path in self.home.iterdir()} - set(OURS)
        return {"tables": tables, "tree": tree, "home": home, "crontab": self.crontab}

    def _row(self, row):
        """Return a row as text, its times of the restore apart."""
        return repr([RESTORED if isinstance(one, datetime) and one >= self._packed else one for one in row])

    def close(self):
        super().close()
        self.controller.close()
        database, user, _password = self._database
        self._server.drop_database(database)
        self._server.query(f"DROP USER IF EXISTS `{user}`@localhost")

    rung = False


@pytest.fixture(scope="module")
def account(mariadb_server, keys, agent, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    bundle = folder / "sample.bundle"
    pack_template(*install_template(folder, mariadb_server), bundle, mariadb_server)
    killing_agent(agent, folder / "agent.pyz", "pausing")
    with closing(Account(mariadb_server, bundle, keys, folder / "agent.pyz")) as made:
        yield made


@pytest.fixture(scope="module")
def wanted(account):
    """The shop that cron alone makes, undisturbed."""
    account.renew()
    assert account.tick(CRON) == 0
    found = account.picture()
    assert len(found["tables"]) > 10 and len(found["tree"]) > 100 and "shoplaunch" not in found["crontab"]
    return found


def differing(wanted, found, name):
    """Return what of the entry `name` is in one and not in the other."""
    both = [one.get(name) or () for one in (wanted, found)]
    sides = [set(map(repr, one[0] if one and isinstance(one[0], list) else one)) for one in both]
    return sorted(sides[0] ^ sides[1])[:4]


def check_same(account, wanted, about):
    """Fail with `about` and what differs first."""
    found = account.picture()
    for part in wanted:
        if isinstance(wanted[part], dict):
            names = {*wanted[part], *found[part]}
            other = sorted(one for one in names if found[part].get(one) != wanted[part].get(one))
            assert not other, f"{about}: {part}: {other[:5]}: {differing(wanted[part], found[part], other[0])}"
        else:
            assert found[part] == wanted[part], f"{about}: {part}"
    reported = account.controller.accepted("finished")
    assert len(reported) == 1, f"{about}: {len(reported)} ends"


def kill(process, pid, who):
    """Kill the agent `pid` or its helper; `process` began it. Return whether there was anybody to kill."""
    victim = helper_of(pid) if who == "helper" else pid
    if victim is None:
        return False
    with suppress(ProcessLookupError):
        if who == "group":
            os.killpg(os.getpgid(victim), signal.SIGKILL)
        else:
            os.kill(victim, signal.SIGKILL)
    if who != "helper":
        process.wait(120)
    return True


def cross(account, stage, first, second, kills):
    """One start is held at `stage`, the other one comes; somebody may be killed in between."""
    who, _, when = kills.partition(" ")
    account.renew()
    process, pid = account.held_at(stage, first)
    if when == "before":
        assert kill(process, pid, who), f"no {who} at {stage}"
    if when == "before" and who != "helper":
        account.go()
        account.tick(second)
    else:
        assert account.tick(second) == exit_codes.BUSY
        if when == "after":
            assert kill(process, pid, who), f"no {who} at {stage}"
        account.go()
        process.communicate(timeout=120)
    finish(account, lambda: account.tick(CRON))
    account.wait_for(lambda: not account.folder.exists())


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("stage", "first", "second", "kills"), DAILY)
def test_the_shop_is_the_same_whether_cron_or_a_ring_starts_the_agent_at_any_stage(
    account, wanted, stage, first, second, kills
):
    cross(account, stage, first, second, kills)
    check_same(account, wanted, (stage, first, second, kills))


@pytest.mark.nightly
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("first", "second"), list(product(STARTS, STARTS)))
def test_every_crossing_of_ring_and_cron_makes_the_same_shop(account, wanted, stage, first, second):
    for crossing in (one for one in CROSSINGS if one[:3] == (stage, first, second)):
        cross(account, *crossing)
        check_same(account, wanted, crossing)


@pytest.mark.parametrize("how", STARTS)
def test_either_alone_makes_the_same_shop(account, wanted, how):
    account.renew()
    assert account.tick(how) == 0
    check_same(account, wanted, how)


def test_both_at_the_same_moment_make_the_same_shop(account, wanted):
    account.renew()
    processes = [account.begin(how) for how in (RING, CRON, RING, CRON)]
    codes = sorted(process.wait(120) for process in processes)
    assert 0 in codes and set(codes) <= {0, exit_codes.BUSY, 127}, codes
    finish(account, lambda: account.tick(CRON))
    check_same(account, wanted, "both")


def test_without_ring_and_cron_nothing_happens_and_a_later_start_makes_the_same_shop(account, wanted):
    account.renew()
    found = account.picture()
    assert found["tree"] == {} and found["tables"] == {"triggers": []} and account.controller.events == []
    assert account.tick(RING) == 0
    check_same(account, wanted, "later")
