"""A chosen variant: its statements and files are in the shop whatever kills the agent; without one nothing of it is."""

import json
import os
import signal
from contextlib import closing
from functools import partial

import pytest

from tests.integration.agent_work.conftest import Shop, undisturbed
from tests.resume.conftest import same
from tests.resume.test_kills import finish
from tests.support.shops.handmade import Handmade, place

DARK_STYLE = "body { background: black }\n"


def plain_is(value, when=""):
    """Return the statement that gives the setting PLAIN a value."""
    read = {"sql": "SELECT `value` FROM `ps_configuration` WHERE `name`=%s", "params": ["PLAIN"], "expect": [value]}
    sql = "UPDATE `ps_configuration` SET `value`=%s WHERE `name`='PLAIN'" + when
    return {"sql": sql, "params": [value], "check": read}


#: So long a statement takes: a test that wants to kill it comes in time.
LONG_SECONDS = 20
VARIANTS = {
    "dark": {
        "statements": [plain_is("dark"), {
            "sql": "UPDATE `ps_product` SET `name`=%s WHERE `id` <= 3", "params": ["dark matter"],
        }],
        # A plain file in the place of one with placeholders, and the other way round
        "plain": [("config/parameters.php", "<?php return ['plain'];\n"), ("themes/dark", None),
                  ("themes/dark/style.css", DARK_STYLE)],
        "filled": [("index.php", "<?php echo 'dark " + place("domain", "php") + "';\n")],
        "entries": 2,
    },
    "slow": {"statements": [
        {"sql": "UPDATE `ps_product` SET `name`=%s WHERE `id`=1", "params": ["first"]},
        plain_is("slow", f" AND SLEEP({LONG_SECONDS}) = 0"),
    ]},
    **{f"look{number}": {"statements": [plain_is(f"look {number}")]} for number in range(16)},
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(mariadb_server):
    """A handmade bundle with eighteen variants."""
    return Handmade(mariadb_server, rows_each=40, chunks=3).with_variants(mariadb_server, VARIANTS)


@pytest.fixture
def shop_of_its_own(mariadb_server, bundle, controller, keys, killable):
    """Return a function that makes an account for the bundle, whose agent can be killed at a change."""
    return partial(Shop, mariadb_server, bundle, controller, keys, killable)


@pytest.fixture
def shop(shop_of_its_own):
    with closing(shop_of_its_own()) as account:
        yield account


@pytest.fixture(scope="module")
def dark(mariadb_server, bundle, keys, killable):
    """What an undisturbed restore of the variant leaves."""
    return undisturbed(mariadb_server, bundle, keys, killable, variant="dark")


def setting(shop):
    return shop.query("SELECT `value` FROM `ps_configuration` WHERE `name` = 'PLAIN'")[0][0]


def kill_at(shop, start, at):
    (shop.home / "kill.json").write_text(json.dumps({"from": start, "at": at}))


@pytest.mark.sampled(of=3, rests=True)
def test_a_variants_rows_and_files_are_in_the_shop(shop, controller):
    shop.drop(variant="dark")
    assert shop.run() == 0, controller.events[-1]
    assert setting(shop) == "dark"
    assert [row[0] for row in shop.query("SELECT name FROM ps_product WHERE id <= 3")] == ["dark matter"] * 3
    assert (shop.root / "themes" / "dark" / "style.css").read_text() == DARK_STYLE
    assert (shop.root / "index.php").read_text() == "<?php echo 'dark shop.example.com';\n"
    assert (shop.root / "config" / "parameters.php").read_text() == "<?php return ['plain'];\n"
    # What it does not change is the template's
    assert (shop.root / "classes" / "Shop.php").exists()
    evidence = controller.accepted("finished")[0]["evidence"]
    assert evidence["tables"]["ps_product"] == 120


def test_each_of_sixteen_others_is_another_shop(shop, controller):
    shop.drop(variant="look11")
    assert shop.run() == 0, controller.events[-1]
    assert setting(shop) == "look 11"
    assert not (shop.root / "themes").exists()


def test_without_a_choice_the_shop_is_the_template(shop):
    shop.drop()
    assert shop.run() == 0
    assert setting(shop) == "same everywhere"
    assert not (shop.root / "themes").exists()
    assert (shop.root / "index.php").read_text() == "<?php echo 'shop';\n"


def test_an_unknown_variant_is_refused_before_anything_is_changed(shop, controller):
    shop.drop(variant="drak")
    assert shop.run() == 3
    (event,) = controller.accepted("failed")
    assert event["error"]["code"] == "variant_unknown"
    assert shop.tables() == set()
    assert list(shop.root.iterdir()) == []


@pytest.mark.sampled(of=3, rests=True)
def test_rows_that_are_not_as_the_packer_saw_them_are_found(shop, controller, bundle):
    other = dict(VARIANTS)
    wrong = bundle.with_variants(shop.server, other)
    said = json.loads(json.dumps({name: {"statements": made["statements"], "tables": [], "cells": []}
                                  for name, made in other.items()}))  # fmt: skip
    shop.pin = wrong.changed("db/variants.json.gz", said).write(shop.folder / "shop.bundle")
    shop.own()
    shop.drop(variant="dark")
    assert shop.run() != 0
    assert shop.state["error"]["code"] == "proof_digest"


def test_files_that_are_missing_in_the_new_tree_are_found(shop, controller, bundle):
    listed = [{**one, "entries": 9} for one in bundle.listed]
    shop.pin = bundle.write(shop.folder / "shop.bundle", variants=listed)
    shop.own()
    shop.drop(variant="dark")
    assert shop.run() != 0
    assert "entries" in json.dumps(shop.state["error"])


def test_another_database_password_leaves_the_variants_files_in_their_places(shop, controller, dark):
    kill_at(shop, "switch", 1)
    shop.drop(variant="dark")
    assert shop.run() == -signal.SIGKILL
    (shop.home / "kill.json").unlink()
    (shop.home / "changes").unlink()
    shop.server.query(f"ALTER USER `{shop.db_user}`@localhost IDENTIFIED BY 'another one'")
    shop.db_password = "another one"
    shop.drop(attempt=2, variant="dark")
    assert shop.run() == 0, controller.events[-1]
    same(shop.picture(), dark)


@pytest.mark.sampled(of=3, rests=True)
def test_killed_while_its_statements_run_none_of_them_is_there_and_all_are_in_the_end(shop, controller):
    shop.drop(variant="slow")
    process = shop.start()
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = %s AND INFO LIKE '%%SLEEP(%%'"
    shop.wait_for(lambda: shop.server.query(running, shop.database)[0][0] or process.poll() is not None)
    assert process.poll() is None, controller.events[-1]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(120)
    assert setting(shop) == "same everywhere"
    assert shop.query("SELECT name FROM ps_product WHERE id = 1")[0][0] != "first"
    finish(shop, controller)
    assert setting(shop) == "slow"
    assert shop.query("SELECT name FROM ps_product WHERE id = 1")[0][0] == "first"


def test_killed_after_its_statements_and_before_they_were_marked_done(shop, controller, dark):
    kill_at(shop, "configure", 1)
    shop.drop(variant="dark")
    assert shop.run() == -signal.SIGKILL
    assert setting(shop) == "dark"
    (shop.home / "kill.json").unlink()
    (shop.home / "changes").unlink()
    finish(shop, controller)
    same(shop.picture(), dark)


def notes_of(shop):
    """Return [(number, note)] of the changes a whole run made from the beginning of unpacking on."""
    lines = (shop.home / "changes").read_text().splitlines()
    return [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]


@pytest.mark.sampled(of=2, rests=True)
def test_killed_at_every_change_its_files_make_the_tree_is_the_same(shop_of_its_own, controller, shop, dark):
    kill_at(shop, "unpack", 100_000)
    shop.drop(variant="dark")
    assert shop.run() == 0
    # Where a file takes the place of another, and where a folder is new
    places = [number for number, note in notes_of(shop) if note.startswith("unlink b'") or b"dark" in note.encode()]
    assert len(places) >= 3, notes_of(shop)
    for at in places:
        with closing(shop_of_its_own()) as account:
            kill_at(account, "unpack", at)
            account.drop(variant="dark")
            account.run()
            assert (account.home / "changes").read_text().splitlines()[-1].startswith(f"{at} ")
            (account.home / "kill.json").unlink()
            (account.home / "changes").unlink()
            finish(account, controller)
            same(account.picture(), dark)
