"""What may happen around the switch besides being killed: a reboot, the owner at work, a newer attempt."""

import json

import pytest

from shared.job import JOB_FILE
from tests.resume.test_switch_kills import MANY, RULES, tree, world  # noqa: F401 - fixtures

SWITCHED_HALF = 15


def reboot(shop):
    """The next start sees another boot of the machine."""
    path = shop.folder / "state.json"
    state = json.loads(path.read_text())
    state["boot"] = "another"
    state["shards"] = dict.fromkeys(state["shards"], "another")
    path.write_text(json.dumps(state))
    shop.own()


def test_a_reboot_in_the_middle_of_the_switch_ends_in_the_same_shop(world, controller):  # noqa: F811
    world.reset("switch", SWITCHED_HALF)
    assert world.shop.run() == -9
    reboot(world.shop)
    world.finish()
    found = tree(world.shop.root)
    # What the database holds is the same by now, and its ledger is gone: undisturbed from the switch on
    world.reset("switch", MANY)
    assert world.shop.run() == 0
    wanted = tree(world.shop.root)
    assert found.keys() == wanted.keys()
    assert {path: entry for path, entry in found.items() if entry != wanted[path]} == {}


def test_a_document_root_that_lets_nothing_in_is_reported_and_the_switch_goes_on_once_it_does(world, controller):  # noqa: F811
    world.reset("switch", SWITCHED_HALF)
    assert world.shop.run() == -9
    (world.shop.home / "kill.json").unlink()
    world.shop.root.chmod(0o550)
    assert world.shop.run() == 1
    error = controller.accepted("failed")[-1]["error"]
    assert (error["code"], error["retryable"]) == ("switch_failed", True)
    assert str(world.shop.home) in error["message"]
    world.shop.root.chmod(0o750)
    assert world.shop.run() == 0
    found = tree(world.shop.root)
    world.reset("switch", MANY)
    assert world.shop.run() == 0
    assert found.keys() == tree(world.shop.root).keys()


@pytest.mark.parametrize("name", [".shoplaunch-htaccess.tmp", ".shoplaunch-holding.html.tmp"])
def test_a_page_cut_off_while_it_was_written_does_not_occupy_the_document_root(world, name):  # noqa: F811
    world.reset("switch", MANY)
    (world.shop.root / name).write_text("half")
    state = json.loads((world.shop.folder / "state.json").read_text())
    del state["stages"]["preflight"]
    (world.shop.folder / "state.json").write_text(json.dumps(state))
    world.shop.own()
    world.shop.drop(document_root={**RULES, "occupied": "refuse"})
    for old in ("index.php", "old/page.html"):
        (world.shop.root / old).unlink()
    (world.shop.root / "old").rmdir()
    (world.shop.folder / "htaccess.before").write_bytes(b"")
    assert world.shop.run() == 0, world.shop.state["error"]
    assert not (world.shop.root / name).exists()


def test_what_the_owner_puts_in_the_way_of_the_switch_is_never_overwritten(world, controller):  # noqa: F811
    world.reset("switch", SWITCHED_HALF)
    assert world.shop.run() == -9
    (world.shop.home / "kill.json").unlink()
    (world.shop.root / "img").mkdir()
    (world.shop.root / "img" / "mine.png").write_text("mine")
    (world.shop.root / "index.php").write_text("my own page")
    world.shop.own()
    assert world.shop.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "docroot_occupied"
    assert (world.shop.root / "index.php").read_text() == "my own page"
    assert (world.shop.root / "img" / "mine.png").read_text() == "mine"
    (world.shop.root / "img" / "mine.png").unlink()
    (world.shop.root / "img").rmdir()
    (world.shop.root / "index.php").unlink()
    world.shop.drop(document_root=RULES, attempt=2)
    assert world.shop.run() == 0
    assert (world.shop.root / "index.php").read_text() == "<?php echo 'shop';\n"
    assert (world.shop.root / "img" / "1.png").exists()


def test_an_htaccess_the_owner_wrote_meanwhile_is_never_overwritten(world, controller):  # noqa: F811
    world.reset("switch", MANY)
    (world.shop.root / ".htaccess").write_text("Redirect /a /b\n")
    world.shop.own()
    (world.shop.folder / "htaccess.before").write_bytes(b"644\n# BEGIN panel\nphp\n# END panel\n")
    state = json.loads((world.shop.folder / "state.json").read_text())
    state["occupied"] = ["index.php", "old"]
    (world.shop.folder / "state.json").write_text(json.dumps(state))
    world.shop.own()
    assert world.shop.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "docroot_occupied"
    assert (world.shop.root / ".htaccess").read_text() == "Redirect /a /b\n"


def test_what_the_panel_adds_to_htaccess_meanwhile_is_in_the_shops(world):  # noqa: F811
    world.reset("switch", MANY)
    path = world.shop.root / ".htaccess"
    path.write_bytes(path.read_bytes() + b"# BEGIN panel\nnew handler\n# END panel\n")
    assert world.shop.run() == 0
    assert path.read_text().startswith("# BEGIN panel\nphp\n# END panel\n# BEGIN panel\nnew handler\n# END panel\n")


def test_a_newer_attempt_dropped_at_the_last_moment_keeps_its_job_agent_and_cron_line(world, controller):  # noqa: F811
    world.reset("switch", MANY)
    shop = world.shop
    # Before the last answer the old agent waits for; the token of its report is still the valid one
    controller.answer = lambda event: event["event"] == "finished" and not shop.drop(document_root=RULES, attempt=2)
    assert shop.run() == 4
    assert (shop.folder / JOB_FILE).exists()
    assert (shop.folder / "agent.pyz").exists()
    assert (shop.folder / "shop.bundle").exists()
    assert "shoplaunch" in shop.crontab


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("at", [3, 9, 25])
def test_a_cancellation_taken_back_in_the_middle_restores_the_whole_shop(world, controller, at):  # noqa: F811
    world.reset("undo", at)
    controller.answer = lambda event: (410, {}) if event["event"] == "finished" else None
    assert world.shop.run() == -9
    controller.answer = lambda event: None
    world.shop.drop(document_root=RULES, attempt=2)
    world.finish()
    assert not world.shop.folder.exists()
    assert controller.accepted("finished")[-1]["attempt"] == 2
    assert "ps_product" in world.shop.tables()
    found = tree(world.shop.root)
    world.reset("switch", MANY)
    world.finish()
    assert found == tree(world.shop.root)
