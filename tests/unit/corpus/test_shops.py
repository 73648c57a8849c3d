"""Which folders are shops, what is kept about them, and the table that names nobody."""

import contextlib
import json

import pytest

from tests.corpus import run, table, world
from tests.corpus.shops import FAILED, PASSED, Evidence, measured, shops_below


def make_shop(folder, name, facts=None, dump="dump.sql"):
    (folder / name / "tree").mkdir(parents=True)
    if dump:
        (folder / name / dump).write_text("SELECT 1;")
    if facts is not None:
        (folder / name / "shop.json").write_text(facts)


def test_a_folder_with_a_tree_and_a_dump_is_a_shop_and_for_another_the_reason_is_shown(tmp_path):
    make_shop(tmp_path, "one", json.dumps({"languages": ["fa-IR"]}))
    make_shop(tmp_path, "packed", dump="dump.sql.gz")
    make_shop(tmp_path, "no-dump", dump=None)
    make_shop(tmp_path, "broken", "{")
    (tmp_path / "no-tree").mkdir()
    (tmp_path / "no-tree" / "dump.sql").write_text("")
    (tmp_path / "INDEX.md").write_text("")
    shops, refused = shops_below(tmp_path)
    assert [(shop.id, shop.dump.name, shop.languages) for shop in shops] == [
        ("one", "dump.sql", ["fa-IR"]), ("packed", "dump.sql.gz", []),
    ]  # fmt: skip
    assert set(refused) == {"no-dump", "broken", "no-tree"}


def test_evidence_outlives_the_run_and_a_new_bundle_makes_what_followed_void(tmp_path):
    Evidence(tmp_path).keep("pack", {"state": PASSED})
    Evidence(tmp_path).keep("live", {"state": FAILED, "code": "check_failed"})
    found = Evidence(tmp_path)
    assert found.has_passed("pack") and found.is_done("live") and not found.has_passed("live")
    assert not found.is_done("walk")
    found.keep("pack", {"state": FAILED})
    assert set(Evidence(tmp_path).stages) == {"pack"}


def test_a_stage_that_raises_has_failed_and_says_why():
    document = {}
    with measured(document):
        raise KeyError("no such thing")
    assert (document["state"], document["code"]) == (FAILED, "KeyError")
    assert "no such thing" in document["message"] and document["seconds"] >= 0


@pytest.fixture
def evidence(tmp_path):
    make_shop(tmp_path, "secret-name", json.dumps({"id": "secret-name", "application": "PrestaShop", "version": "8.1.3",
              "languages": ["pl-PL"], "old_address": "secret.example", "files": 3, "bytes": 5_000_000}))  # fmt: skip
    (shop,) = shops_below(tmp_path)[0]
    found = Evidence(tmp_path / "out")
    found.keep("pack", {"state": PASSED, "seconds": 3.2, "bundle": "/srv/secret-name/shop.bundle"})
    rows = {"root": {"php": "8.1 (as WebAssembly)", "shop_url": "http://secret.example/"}}
    found.keep("live", {"state": PASSED, "live": 3, "of": 3, "shops": rows, "seconds": 100})
    part = {"explained_total": 4, "unexplained_total": 1}
    found.keep("compare", {"state": FAILED, "tables": part, "tree": part, "residue": {"total": 0}})
    found.keep("walk", {"state": PASSED, "passed": 17, "of": 17, "absent": ["cart: secret.example sells nothing"]})
    return [shop], {shop.id: found}


def test_the_table_for_the_docs_says_what_was_found_and_names_nobody(evidence):
    text = table.markdown(*evidence)
    assert "secret" not in text
    line = next(line for line in text.splitlines() if line.startswith("| 1 "))
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "1", "PrestaShop", "8.1.3", "pl-PL", "5", "3", "yes", "3 of 3", "17 of 17 (1 absent)", "8 / 2", "0",
        "8.1 (as WebAssembly)", "103",
    ]  # fmt: skip
    assert "1 of 1 at the first try." in text


def test_what_failed_is_listed_for_those_who_mend_it(evidence):
    shops, found = evidence
    assert [line.split(":")[0] for line in table.faults(shops, found)] == ["secret-name compare"]


@pytest.mark.parametrize(
    "low, high, offered",
    [
        ("7.2", "8.5", {}),
        ("5.6", "7.4", {"7.2": "7.2", "7.4": "7.4"}),
        ("5.4", "7.1", {"7.1": "7.2"}),
        ("7.3", "7.3", {"7.3": "7.4"}),
        ("9.0", None, {"9.0": "7.4"}),
    ],
)
def test_the_nearest_php_at_hand_serves_where_none_fits(monkeypatch, low, high, offered):
    monkeypatch.setattr(world, "wasm_at_hand", lambda: {"7.2": "/later", "7.4": "/later"})
    monkeypatch.setattr(world, "installed_binaries", lambda: ["/usr/sbin/php-fpm8.4"])
    assert world.wasm_for({"min": low, "max": high}) == offered


def test_what_an_old_shop_wants_is_served_from_the_folder_that_has_it(monkeypatch):
    monkeypatch.setattr(world, "wasm_at_hand", lambda: {"7.0": "/old", "7.1": "/old", "7.2": "/later"})
    monkeypatch.setattr(world, "installed_binaries", lambda: ["/usr/sbin/php-fpm8.4"])
    assert world.wasm_for({"min": "5.4", "max": "7.1"}) == {"7.0": "7.0", "7.1": "7.1"}
    assert world.wasm_for({"min": "5.4", "max": "5.6"}) == {"5.6": "7.0"}


def test_a_table_replaces_nothing_but_a_table(tmp_path, capsys):
    mine = tmp_path / "notes.md"
    mine.write_text("mine\n")
    with pytest.raises(SystemExit):
        run.arguments([str(tmp_path), "--markdown", str(mine)])
    assert "name another file" in capsys.readouterr().err
    mine.write_text(table.markdown([], {}))
    for path in (mine, tmp_path / "new.md"):
        assert run.arguments([str(tmp_path), "--markdown", str(path)]).markdown == path


def test_the_command_leaves_what_is_done_and_ends_with_the_table_and_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "cron", contextlib.nullcontext)
    make_shop(tmp_path / "shops", "one")
    make_shop(tmp_path / "shops", "half", dump=None)
    kept = Evidence(tmp_path / "out" / "one")
    kept.keep("pack", {"state": PASSED})
    page = tmp_path / "table.md"
    words = [str(tmp_path / "shops"), "--output", str(tmp_path / "out"), "--stage", "pack", "--markdown", str(page)]
    assert run.main(words) == 0
    assert "half: has no dump.sql" in capsys.readouterr().out
    assert "1 of 1 at the first try." in page.read_text()
    kept.keep("live", {"state": FAILED, "code": "check_failed"})
    assert run.main(words) == 1
    assert "one live: check_failed" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    assert run.main([str(tmp_path / "none"), "--output", str(tmp_path / "out")]) == 1
