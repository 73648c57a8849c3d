"""Sites and a shop whose trees lack their settings, as they come out of git, or have them in two files: all live."""

import html
import json
import subprocess

import pytest

from controller.recipes.prestashop.database.queries import Database
from tests.integration.wordpress.conftest import SITE_NAME
from tests.support.shops.wordpress_site import SALTS

PARAMETERS = "app/config/parameters.php"
LOCAL = "site-settings.php"


@pytest.fixture(scope="module")
def without(sites, agents):
    """Bundle name -> (tree without its settings, dump) of the site and the sample shop, which `agents` installed; the
    second site's settings are in a file that its own includes.
    """
    found = {}
    trees = {"bare-site": (sites.site.root, "wp-config.php", sites.site.database),
             "split-site": (sites.site.root, "wp-config.php", sites.site.database),
             "bare-shop": (sites.world.directory / "template" / "public_html", PARAMETERS, "sl_template")}  # fmt: skip
    for name, (root, settings, database) in trees.items():
        tree, dump = sites.directory / name / "public_html", sites.directory / name / "dump.sql"
        tree.parent.mkdir()
        subprocess.run(["cp", "-al", str(root), str(tree)], check=True)
        (tree / settings).rename(tree / LOCAL)
        if name == "split-site":
            (tree / settings).write_text(
                f"<?php\nif (is_file(__DIR__ . '/{LOCAL}')) {{ require __DIR__ . '/{LOCAL}'; }}\n"
            )
        else:
            (tree / LOCAL).unlink()
        for link in [path for path in tree.rglob("*") if path.is_symlink() and path.readlink().is_relative_to(root)]:
            # An absolute link of the sample shop leads into the sample shop
            inside = link.readlink().relative_to(root)
            link.unlink()
            link.symlink_to(tree / inside)
        command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={sites.site.socket}", database]
        with dump.open("wb") as target:
            subprocess.run(command, stdout=target, check=True)
        found[name] = (tree, dump)
    return found


def test_site_and_shop_live_with_settings_that_packing_wrote(sites, without):
    jobs = {}
    for name, (tree, dump) in without.items():
        target = dump.with_name(f"{name}.bundle")
        said = sites.world.run("pack", "--docroot", str(tree), "--dump", str(dump), "-o", str(target))
        expected = "stands in wp-config.php now" if name == "split-site" else "was missing: written as"
        assert expected in "".join(said.stdout.splitlines()[: 12 if name == "split-site" else 3])
        sites.world.run("bundle", "add", name, str(target))
        jobs[name] = sites.order("--bundle", name)
    site, split, shop = (sites.live(job, 400) and job for job in jobs.values())
    for one in (site, split):
        assert html.unescape(sites.php(one, "get_option( 'blogname' )")) == SITE_NAME
        salts = sites.php(one, "array( " + ", ".join(SALTS) + " )")
        assert len(set(salts)) == len(SALTS) and all(len(salt) == 64 for salt in salts)
    assert not (sites.root(split) / LOCAL).exists()
    written = (sites.root(shop) / PARAMETERS).read_text()
    assert "'database_prefix' => 'ps_'" in written and "def00000" in written


@pytest.mark.sampled(of=3, rests=True)
def test_a_check_tells_it_too_and_two_prefixes_are_asked_about(sites, without):
    tree, dump = without["bare-shop"]
    both = dump.with_name("both.sql")
    made = "".join(f"CREATE TABLE `old_{name}` (`id` int PRIMARY KEY);\n" for name in Database.NEEDED)
    both.write_bytes(dump.read_bytes() + made.encode())
    refused = sites.world.run("pack", "--check", "--docroot", str(tree), "--dump", str(both), "--json", check=False)
    problem = json.loads(refused.stdout)["problems"][0]
    assert problem["code"] == "prefix_unknown" and "'old_', 'ps_'" in problem["message"]
    options = ("--docroot", str(tree), "--dump", str(both), "--table-prefix", "ps_")
    checked = json.loads(sites.world.run("pack", "--check", "--json", *options).stdout)
    assert "was missing: written as PrestaShop 8.2.1's" in checked["template"]["settings_written"][0]
    assert checked["report"]["settings_written"] == checked["template"]["settings_written"]
