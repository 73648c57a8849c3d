"""`server check`: each thing a shop needs of a cPanel server is a row, and what is missing is named with advice."""

import json
import shutil

import pytest
from click.testing import CliRunner

from controller.agent_archive.build import build_agent, launcher
from controller.cli import main
from controller.jobs.steps.drop import agent_files
from controller.panels.cpanel.skeleton import skeleton
from tests.attacks.table import attack
from tests.fakes.whm import WhmDouble
from tests.integration.cpanel_jobs.world import CpanelWorld
from tests.support.worlds.agent_box import Keys

pytestmark = pytest.mark.root
NEEDED = ("cpanel-api", "acct-summary", "list-accts", "create-acct")
FEATURES = {"cron": "cron", "databases": "mysql", "files": "filemanager", "php": "multiphp", "autossl": "autossl"}


def rows(world):
    found = world.server_panel().check()
    assert len({row.name for row in found}) == len(found)
    assert all(row.advice for row in found if not row.ok)
    return {row.name: row for row in found}


def wrong(found):
    return {name for name, row in found.items() if not row.ok}


@pytest.fixture
def world(world_of, tmp_path):
    """A reseller's server with one account, whose token may do what is needed and nothing else."""
    made = world_of(reseller=True, skeleton="reseller")
    build_agent(made.config.agent / "agent.pyz", made.keys.public_keys())
    (made.config.agent / "run").write_bytes(launcher())
    with_token(made, NEEDED)
    made.hosting()
    yield made
    shutil.rmtree(made.whm.skeleton(made.owner) / ".shoplaunch", ignore_errors=True)


def with_token(world, acls):
    world.change(token_encrypted=world.keys.encrypt(world.whm.token(world.owner, acls)))


@pytest.mark.sampled(of=2, rests=True)
def test_a_server_with_everything_has_nothing_to_mend(world):
    world.server_panel().ensure_skeleton(agent_files(world.config.agent))
    found = rows(world)
    assert wrong(found) == set(), found
    assert found["login"].message == f"works as {world.owner}"


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("missing", NEEDED)
def test_a_privilege_the_token_lacks_is_named(world, missing):
    with_token(world, [acl for acl in NEEDED if acl != missing])
    found = rows(world)
    assert {name for name in wrong(found) if name.startswith("privilege")} == {f"privilege {missing}"}
    row = found[f"privilege {missing}"]
    assert (f"`{missing}`" in row.advice, row.essential) == (True, missing in ("cpanel-api", "acct-summary"))
    # What cannot be seen is not taken for being well
    blind = {"feature cron", "databases", "files", "cron", "php", "autossl"}
    assert wrong(found) & blind == (blind if missing == "cpanel-api" else set())
    if missing == "cpanel-api":
        assert "not reported" in found["feature cron"].message


@pytest.mark.parametrize("missing", ["list-accts", "create-acct"])
def test_what_nobody_may_need_is_a_note_and_marked_as_optional(world, missing):
    with_token(world, [acl for acl in NEEDED if acl != missing])
    found = rows(world)
    assert {row.optional for name, row in found.items() if name in (f"privilege {missing}", "skeleton")} == {True}
    assert not any(row.optional for name, row in found.items() if row.essential)


def command(world, *words):
    """Run `shoplaunch server check cp1`; return (exit code, its rows that are not well)."""
    done = CliRunner(env={"SHOPLAUNCH_HOME": str(world.config.home)}).invoke(main, ["server", "check", "cp1", *words])
    return done.exit_code, {row["name"] for row in json.loads(done.stdout) if not row["ok"]}


@attack(
    "a script goes by the exit code of `server check`, and of a cPanel server only what is optional is missing",
    "the code is 0; it is 3 when something shops need is missing, and 1 when the server is of no use",
)
def test_the_exit_code_of_the_command_says_what_is_missing(whm, world):
    with_token(world, [acl for acl in NEEDED if acl != "create-acct"])
    assert command(world, "--json") == (0, {"privilege create-acct", "skeleton"})
    whm.add_package("without-cron", features_off=["cron"])
    world.set(package="without-cron")
    world.hosting(plan="without-cron")
    code, missing = command(world, "--json")
    assert code == 1 and {"feature cron", "cron"} <= missing
    with_token(world, [*NEEDED, "create-user-session"])
    world.set(package="default")
    assert command(world, "--json") == (3, {"token", "skeleton"})


def test_a_token_that_may_do_too_much_is_named(whm, world, world_of):
    with_token(world, (*NEEDED, "create-user-session"))
    row = rows(world)["token"]
    assert (row.ok, "`create-user-session`" in row.message, row.essential) == (False, True, False)
    row = rows(world_of())["token"]
    assert (row.ok, "`all`" in row.message) == (False, True)
    assert "token" not in wrong(rows(world_of(reseller=True)))


@pytest.mark.sampled(of=3)
@attack(
    "a hosting package has no File Manager, cron, databases, choice of PHP or AutoSSL",
    "`server check` names feature, package and remedy before any order, and ends with 1 where no shop can be made",
)
@pytest.mark.parametrize("row", FEATURES)
def test_a_feature_that_is_off_is_named_with_its_package_and_what_depends_on_it(whm, world, row):
    whm.add_package(f"without-{row}", features_off=[FEATURES[row]])
    world.hosting(plan=f"without-{row}")
    found = rows(world)
    assert {name for name in wrong(found) if name.startswith("feature")} == {f"feature {row}"}
    assert f"without-{row}" in found[f"feature {row}"].message
    assert f"`{FEATURES[row]}`" in found[f"feature {row}"].advice
    assert not found[f"feature {row}"].essential, "shops may get another package"
    world.set(package=f"without-{row}")
    found = rows(world)
    assert row in wrong(found), "accounts of the package for shops stand for all"
    assert found[f"feature {row}"].essential == (row != "autossl"), "no shop can be made"
    world.set(package="default")
    assert not {row, f"feature {row}"} & wrong(rows(world)), "a package that gets no shops does not matter"


def test_a_server_without_mysql_is_reported(whm, world):
    whm.quirks.mysql_role = False
    row = rows(world)["databases"]
    assert (row.ok, row.essential, "MySQL role" in row.message) == (False, True, True)


def test_a_server_without_accounts_cannot_be_looked_at_from_inside(tmp_path):
    (tmp_path / "0").mkdir()
    with WhmDouble() as empty:
        world = CpanelWorld(tmp_path / "0", empty)
        try:
            row = rows(world)["account"]
            assert (row.ok, row.essential) == (False, False)
            assert "feature cron" not in rows(world)
        finally:
            world.close()


def test_accounts_that_may_not_be_listed_are_not_taken_for_none(whm, world_of):
    world = world_of()
    world.hosting()
    world.change(token_encrypted=world.keys.encrypt(whm.token("root", ("cpanel-api", "acct-summary"))))
    row = rows(world)["account"]
    assert (row.ok, row.essential, "`list-accts`" in row.advice) == (False, False, True)
    assert "Make an account" not in row.advice and "may not be listed" in row.message


@pytest.mark.parametrize("acls", [NEEDED, None], ids=["all that is needed", "everything"])
def test_a_listing_that_fails_for_another_reason_is_reported_in_the_servers_words(whm, world_of, acls):
    world = world_of()
    world.hosting()
    if acls:
        world.change(token_encrypted=world.keys.encrypt(whm.token("root", acls)))
    whm.quirks.fails["listaccts"] = "/etc/trueuserdomains is damaged"
    row = rows(world)["account"]
    assert (row.ok, row.essential, "is damaged" in row.message) == (False, False, True)
    assert "`list-accts`" not in row.advice and "Make an account" not in row.advice


def test_what_autossl_found_wrong_is_shown(whm, world):
    hosting = world.hosting(plan="default")
    world.server_panel().request_tls(world.server_panel().find_account(hosting.user))
    for thread in whm.background:
        thread.join()
    first = min(one.user for one in whm.state.accounts.values() if one.owner == world.owner and one.user != world.owner)
    whm.account(first).autossl_problems = hosting.autossl_problems
    row = rows(world)["autossl"]
    assert row.ok and "does not resolve" in row.message


@pytest.mark.sampled(of=3, each=("habit",))
@pytest.mark.parametrize("minutes", [1, 5, 15])
@pytest.mark.parametrize("habit", ["rewrite", "list", "refuse"])
def test_how_often_cron_runs_is_said_as_the_last_jobs_line_was_read_back(whm, world, minutes, habit):
    assert "not known before the first job" in rows(world)["cron interval"].message
    whm.quirks.cron_minutes, whm.quirks.cron_too_often = minutes, habit
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    whm.engine.write_crontab(hosting.user, "")
    assert rows(world)["cron interval"].message.startswith(f"every {minutes} min")


def test_whose_skeleton_it_is_is_said_and_what_accounts_are_born_from_without_one(whm, world, world_of, monkeypatch):
    row = rows(world)["skeleton"]
    assert not row.ok and row.message == f"{world.owner}'s, through WHM: no agent in it"
    shutil.rmtree(whm.skeleton(world.owner))
    assert rows(world)["skeleton"].message.endswith("there is none; accounts are created from root's")
    whm.engine.make_skeleton(whm.account(world.owner))
    monkeypatch.setattr(skeleton, "ROOT_HOME", whm.skeleton().parent)
    monkeypatch.setattr(skeleton, "CPANEL", whm.server.directory)
    root = world_of(skeleton="reseller")
    assert rows(root)["skeleton"].message == "root's, on this machine: no agent in it"
    root.set(skeleton="none")
    assert rows(root)["skeleton"].ok and "none" in rows(root)["skeleton"].message


def test_an_agent_of_another_version_in_the_skeleton_is_reported(world):
    world.server_panel().ensure_skeleton(agent_files(world.config.agent))
    assert rows(world)["skeleton"].ok
    build_agent(world.config.agent / "agent.pyz", [Keys().public])
    row = rows(world)["skeleton"]
    assert (row.ok, "another version" in row.message, "skeleton install cp1" in row.advice) == (False, True, True)
