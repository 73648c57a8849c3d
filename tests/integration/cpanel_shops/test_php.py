"""PHP after the switch: the host's own blocks stay, the template's are gone, later changes are corrected."""

import re
from pathlib import Path

import pytest

from controller.panels.local.services.php_fpm import Pools
from tests.support.worlds.cpanel_world import OLD_BLOCKS

pytestmark = pytest.mark.root
BLOCK = re.compile(r"^# (?:php -- )?BEGIN cPanel-generated.*?^# (?:php -- )?END cPanel-generated[^\n]*\n", re.S | re.M)
SET = "LangPHP::php_set_vhost_versions"
HABITS = {
    "one block": {},
    "two blocks": {"php_ini_block": True},
    "LiteSpeed": {"php_handler": "___lsphp"},
    "LiteSpeed and two blocks": {"php_handler": "___lsphp", "php_ini_block": True},
}


@pytest.fixture
def hosting(request, world, whm):
    """An account created with the host's blocks in its `.htaccess`; indirect parameters name a habit."""
    for name, value in {**HABITS[getattr(request, "param", "one block")], "php_block_at_birth": True}.items():
        setattr(whm.quirks, name, value)
    whm.calls.clear()
    return world.new_account()


every_habit = pytest.mark.parametrize("hosting", HABITS, indirect=True)


def htaccess(world, job):
    return (world.root(job) / ".htaccess").read_text()


def blocks_of(text):
    return [found.group() for found in BLOCK.finditer(text)]


def was_set(whm):
    return sum(call.function == SET for call in whm.calls.all)


def switched(world, hosting):
    """Return a job whose shop stands in the document root, and which nobody has looked at yet."""
    job = world.sold(hosting)
    world.run_agent(job)
    assert world.job(job).state == "finishing", world.trouble(job)
    return job


@pytest.mark.sampled(of=3)
@every_habit
def test_the_hosts_blocks_stay_byte_for_byte_and_the_templates_are_gone(world, whm, hosting):
    blocks = blocks_of(Path(hosting.document_root_path, ".htaccess").read_text())
    assert len(blocks) == (2 if whm.quirks.php_ini_block else 1)
    job = world.opened(hosting)
    found = htaccess(world, job)
    assert blocks_of(found) == blocks
    assert "~~start~~" in found and "ea-php74" in OLD_BLOCKS and "ea-php74" not in found
    assert was_set(whm) == 0


@pytest.mark.sampled(of=3)
@every_habit
def test_blocks_that_were_dropped_come_back_before_anybody_visits(world, whm, hosting):
    job = switched(world, hosting)
    before, path = htaccess(world, job), world.root(job) / ".htaccess"
    path.write_text(BLOCK.sub("", before))
    assert "cPanel-generated" not in htaccess(world, job)
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)
    assert was_set(whm) == 1
    assert blocks_of(htaccess(world, job)) == blocks_of(before)
    assert "~~start~~" in htaccess(world, job)
    world.arrives(job)


def test_a_block_of_another_php_than_serves_the_site_is_corrected(world, whm, hosting):
    job = switched(world, hosting)
    path = world.root(job) / ".htaccess"
    path.write_text(re.sub(r"ea-php\d+", "ea-php74", htaccess(world, job)))
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)
    assert was_set(whm) == 1 and f"x-httpd-{hosting.php}" in htaccess(world, job)


def test_another_php_that_was_chosen_meanwhile_is_changed_back(world, whm, hosting):
    job = switched(world, hosting)
    right, hosting.php = hosting.php, "ea-php56"
    # Nothing serves the site as that version would not
    settings = whm.engine.panel(hosting)._settings
    Pools(settings).remove(hosting.user)
    assert world.visit(job).status_code == 503
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)
    assert hosting.php == right
    world.arrives(job)


def test_where_the_account_has_the_servers_own_php_nothing_is_set(world, whm):
    whm.calls.clear()
    job = world.opened()
    assert was_set(whm) == 0
    assert "cPanel-generated" not in htaccess(world, job)


def test_a_missing_php_version_keeps_the_shop_from_being_announced(world, whm, hosting):
    job = switched(world, hosting)
    hosting.php = "ea-php56"
    world.whm.engine.php_versions = lambda: ["ea-php56"]
    try:
        world.until(job)
    finally:
        del world.whm.engine.php_versions
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "check", "panel_refused")
    assert "5.6" in found.error["message"]
    assert world.mail.handed_over == []
