"""Cancelling and changing the order of a real restore at its late points, with real moves and tables."""

import os

import pytest


def picture(root):
    """Return path -> (mode, content or link target) of everything below `root`."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            what = os.readlink(path) if os.path.islink(path) else None
            if what is None and os.path.isfile(path):
                with open(path, "rb") as stream:
                    what = stream.read()
            found[os.path.relpath(path, root)] = (mode, what)
    return found


@pytest.fixture
def occupied(shop):
    """An account with a site of its own that the job may put aside; its picture."""
    (shop.root / "index.html").write_text("my old site")
    (shop.root / "old").mkdir()
    (shop.root / "old" / "page.html").write_text("old page")
    (shop.root / ".htaccess").write_text("Options -Indexes\n")
    shop.own()
    return picture(shop.root)


ROOT_RULES = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "move"}


@pytest.mark.parametrize("moment", ["preflight", "configure", "switch", "finished"])
def test_a_job_cancelled_late_leaves_the_account_as_it_was(shop, controller, occupied, moment):
    def cancel(event):
        is_it = event["event"] == "finished" if moment == "finished" else event.get("stage") == moment
        if is_it and event["event"] in ("stage_finished", "finished"):
            controller.answer = lambda event: (410, {})
            return 410, {}
        return None

    controller.answer = cancel
    shop.drop(document_root=ROOT_RULES)
    shop.cron()
    code = shop.run()
    assert code == 5, shop.state
    assert picture(shop.root) == occupied
    assert shop.tables() == set()
    assert not shop.folder.exists()
    assert sorted(path.name for path in shop.home.iterdir()) == ["plan.json", "public_html"]
    assert "shoplaunch" not in shop.crontab


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("changed", [{"db.port": "3306"}, {"shop.name": "Another name"}])
def test_other_values_after_the_switch_end_in_the_shop_of_the_new_values(shop, controller, occupied, changed):
    shop.drop(document_root=ROOT_RULES)
    controller.answer = lambda event: (503, {"Retry-After": "0"}) if event["event"] == "finished" else None
    assert shop.run(seconds=120) == 1
    assert (shop.root / "index.php").exists()
    controller.answer = lambda event: None
    shop.drop(attempt=2, document_root=ROOT_RULES, values=changed)
    assert shop.run() == 0, controller.accepted("failed")
    found = dict(shop.query("SELECT name, value FROM ps_configuration"))
    assert found["PS_SHOP_NAME"] == changed.get("shop.name", 'Anna\'s "Shop" فروشگاه')
    assert (shop.root / "config" / "parameters.php").read_text() == "<?php return ['key' => 'c00kie-key'];\n"
    assert not (shop.root / "index.html").exists()
    # Past midnight there are two, the older one empty
    (aside,) = [folder for folder in (shop.home / ".shoplaunch-replaced").iterdir() if any(folder.iterdir())]
    assert (aside / "index.html").read_text() == "my old site"
    assert (aside / "old" / "page.html").read_text() == "old page"
