"""A bundle that somebody sells asks the controller for no more than an application needs, or it is refused alone."""

import tracemalloc

import pytest
from click.testing import CliRunner

from controller.bundles import manifest_limits
from controller.bundles.residue.bundle_reader import check_members, open_bundle
from controller.cli import main
from controller.jobs.shop.checks.shop_checks import run_checks
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.attacks.table import attack
from tests.fakes.shop_site import ShopSite
from tests.integration.controller.visiting import site
from tests.support.worlds.agent_box import NONCE, sample_members, small_manifest, write_bundle
from tests.support.worlds.world import place

SECRET = {"name": "secret.key", "format": "alnum"}
CHECK = {"name": "front", "path": "/", "status": [200]}
PHP = {"min": "7.2", "max": None, "extensions": []}
NEEDS = {"disk_bytes": 0, "inodes": 0, "max_statement_bytes": 0, "longest_key_bytes": 0}
LONG = "x" * 300
ASKED = {
    "a secret of terabytes": {"secrets": [{**SECRET, "length": 10**13}]},
    "a secret that begins without end": {"secrets": [{**SECRET, "prefix": "x" * 5000}]},
    "secrets without end": {"secrets": [{**SECRET, "name": f"secret.k{number}"} for number in range(600)]},
    "keys of RSA for hours": {"secrets": [{"name": f"secret.k{n}", "format": "rsa_private"} for n in range(17)]},
    "PHP of no number": {"requirements": {**NEEDS, "php": {**PHP, "min": "newest"}}},
    "PHP of digits without end": {"requirements": {**NEEDS, "php": {**PHP, "max": "9" * 5000}}},
    "extensions of any text": {"requirements": {**NEEDS, "php": {**PHP, "extensions": ["\x1b[2J"]}}},
    "visits without end": {"checks": [{**CHECK, "name": f"c{number}"} for number in range(201)]},
    "megabytes for each job": {"checks": [{**CHECK, "contains": ["x" * 1024 * 1024]}]},
    "a version of any text": {"application": {"name": "prestashop", "version": "8\n[INFO] all is well"}},
    "secrets of any name": {"secrets": [{**SECRET, "name": f"secret.{LONG}"}]},
    "variants of any length": {"variants": [{"name": "dark", "title": LONG}]},
    "languages of any length": {"report": {"languages": ["en", LONG]}},
    "languages without end": {"report": {"languages": ["en"] * 1001}},
    "languages that are no list": {"report": {"languages": 5}},
    "a name without end": {"collations": {"x" * 5000: 5}},
}


@attack(
    "a bundle's seller asks in its manifest for secrets, keys, visits or texts without end, or for what is no version",
    "the bundle is refused when it is added",
)
@pytest.mark.parametrize("what", ASKED)
def test_what_no_application_needs_is_refused_when_it_is_added(world, what):
    with pytest.raises(ShoplaunchError) as failure:
        world.add_bundle("bought", **ASKED[what])
    assert failure.value.code == "manifest_invalid", failure.value.message
    assert len(failure.value.message) < 200


#: Of no packer, in the place of what one writes.
ODD = [None, True, 5, 10**30, "x", [5], [None], [{}], {"a": 5}, {"a": [1]}, {"notes": [5], "left": [{"reason": []}]}]
PARTS = [
    "rewriting", "dropped", "rows_compared", "blanked_comments", "living_shop", "left_out", "settings_written", "notes",
    "languages", "currencies", "dump_changed", "masked_cells",
]  # fmt: skip
COMMANDS = "\x1b[2J\n[INFO] all is well\u202e"


@attack(
    "a bundle's seller writes commands of a terminal, or values of any kind, into the packing's report it travels with",
    "`bundle show` shows the bundle all the same, and nothing in it commands the terminal or makes a line of its own",
)
@pytest.mark.parametrize("odd", [*ODD, COMMANDS], ids=lambda odd: "commands" if odd is COMMANDS else repr(odd))
def test_a_bundle_is_shown_whatever_its_report_holds(tmp_path, odd):
    members, path = sample_members(), tmp_path / "bought.bundle"
    for report in (dict.fromkeys(PARTS, odd), {COMMANDS: {COMMANDS: [COMMANDS, odd]}}):
        write_bundle(path, members, small_manifest(members, report=report))
        done = CliRunner().invoke(main, ["bundle", "show", str(path), "--full"])
        assert done.exit_code == 0 and "prestashop 8.2.1" in done.output, done.output[-300:]
        assert not {"\x1b", "\u202e"}.intersection(done.output)
        assert not [line for line in done.output.splitlines() if line.startswith("[INFO]")]


@attack(
    "such a bundle was added by an earlier version, and somebody orders a shop of it",
    "that job fails and says why; no worker makes its secrets, and others' jobs go on",
)
def test_a_job_of_such_a_bundle_fails_alone(world, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(manifest_limits, "require", lambda _manifest: None)
        world.add_bundle("bought", secrets=[{**SECRET, "length": 5000}], values=["secret.key"])
    bought = world.order(bundle="bought", account="mallory", domain="bought.example.com")
    other = world.order()
    world.work()
    assert world.job(other).state == "dropped", world.status(other)
    assert (world.job(bought).state, world.job(bought).error["code"]) == ("failed", "manifest_invalid")


@attack(
    "a part of a bundle is as large as the memory",
    "it is checked piece by piece",
)
def test_a_large_part_is_checked_in_bounded_memory(tmp_path):
    members = {"files/0001.tar.gz": ("files", False, bytes(48 * 1024 * 1024))}
    path = tmp_path / "large.bundle"
    write_bundle(path, members, small_manifest(members))
    del members
    with open_bundle(path) as bundle:
        tracemalloc.start()
        try:
            check_members(bundle)
            _now, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 8 * 1024 * 1024


@attack(
    "a bundle's seller lets a check expect, or forbid, a text that holds a secret of the shop, so that it fails",
    "the failure names the text as the bundle writes it: what is filled in stands in no message",
)
@pytest.mark.parametrize(
    ("expected", "page"),
    [
        ({"contains": [place("secret.key")]}, b"Welcome"), ({"absent": [place("secret.key")]}, b"it is s3cret"),
        ({"assets": {"a": 5}, "absent": [place("secret.key")]}, b'<a href="/more">more</a>'),
    ],
)  # fmt: skip
def test_a_failing_check_quotes_no_secret(expected, page):
    shop = ShopSite()
    shop.pages |= {"/": (200, {"Content-Type": "text/html"}, page), "/more": (200, {}, b"s3cret")}
    check = {"name": "front", "path": "/", "status": [200], **expected}
    try:
        with pytest.raises(ShoplaunchError) as failure:
            run_checks(site(shop), [check], Renderer(NONCE, {"secret.key": "s3cret"}), timeout=60)
    finally:
        shop.close()
    assert failure.value.code == "check_failed" and "secret.key" in failure.value.message
    assert "s3cret" not in failure.value.message
