"""Orders for domains that are not an account's main one: an addon domain, a sub domain, a parked one."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.root


@pytest.fixture
def world(world_of):
    return world_of()


@pytest.fixture
def hosting(world):
    """An account whose sites run under a PHP no shop runs on."""
    made = world.hosting()
    made.php = "ea-php56"
    return made


def newest(whm):
    return sorted(whm.engine.php_versions())[-1]


@pytest.mark.parametrize("kind", ["addon", "sub"])
def test_a_domain_with_a_root_of_its_own_gets_its_php_there_and_the_main_site_keeps_its_own(whm, world, hosting, kind):
    domain = {"addon": "second.example.net", "sub": f"second.{hosting.domain}"}[kind]
    site = whm.add_domain(hosting.user, domain, kind, root="second")
    job = world.sell(hosting, domain=domain)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert world.job(job).facts["account"]["document_root"] == site.root == f"{hosting.home}/second"
    assert (site.php, hosting.php) == (newest(whm), "ea-php56")
    assert newest(whm) in Path(site.root, ".htaccess").read_text()
    assert not Path(hosting.document_root_path, ".htaccess").exists()


def test_a_parked_domain_is_served_by_the_main_sites_php_from_its_root(whm, world, hosting):
    whm.add_domain(hosting.user, "parked.example.net", "parked")
    job = world.sell(hosting, domain="parked.example.net")
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert world.job(job).facts["account"]["document_root"] == hosting.document_root_path
    assert hosting.php == newest(whm)
    assert "parked.example.net" in json.dumps(world.job(job).facts)
