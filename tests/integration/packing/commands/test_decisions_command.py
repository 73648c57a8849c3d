"""`shoplaunch pack` and its findings as an operator meets them: the file of decisions, the questions at a terminal."""

import gzip
import json
import os
import re
import shutil
import zipfile

import pytest

from tests.integration.packing.commands.test_command import SHOPLAUNCH, run
from tests.support.shops.packing import server_url
from tests.support.users.terminal import at_terminal


@pytest.fixture
def leaking(sample, mariadb_server, tmp_path):
    """A sample shop with its own key in a file and in a row of a module: (arguments of pack, key, database name)."""
    root, url, password = sample
    shutil.copytree(root, tmp_path / "shop")
    settings = (root / "app" / "config" / "parameters.php").read_text()
    key = re.search(r"'cookie_key' => '([^']+)'", settings).group(1)
    (tmp_path / "shop" / "img" / "note.txt").write_text(f"one\nkept: {key}\nthree\n")
    name = url.split("/")[3].split("?")[0]
    mariadb_server.query("CREATE TABLE ps_leaking (id int PRIMARY KEY, note text) ENGINE=InnoDB", database=name)
    mariadb_server.query(
        "INSERT INTO ps_leaking VALUES (1, 'a'), (2, %s)",
        f'a:1:{{s:1:"k";s:{len(key)}:"{key}";}}',
        database=name,
    )
    arguments = ["--docroot", tmp_path / "shop", "--database", url, "--scratch", server_url(mariadb_server)]
    yield [str(one) for one in arguments], key, {**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": password}
    mariadb_server.query("DROP TABLE ps_leaking", database=name)


def packing(leaking, *words):
    arguments, _, environment = leaking
    return run("pack", *arguments, *words, **environment)


def content_of(bundle):
    with zipfile.ZipFile(bundle) as archive:
        parts = [archive.read(name) for name in archive.namelist()]
    return b"\0".join(gzip.decompress(part) if part[:2] == b"\x1f\x8b" else part for part in parts)


@pytest.mark.sampled(of=3, rests=True)
def test_a_check_writes_the_file_the_operator_fills_it_in_and_the_bundle_is_without(leaking, tmp_path):
    key, file, bundle = leaking[1], tmp_path / "decisions.toml", tmp_path / "x.bundle"
    checked = packing(leaking, "--check", "--decisions", file)
    assert checked.returncode == 1
    assert "residue_in_bundle" in checked.stderr and "--decisions FILE" in checked.stderr
    written = file.read_text()
    assert key not in written + checked.stdout + checked.stderr
    assert 'file = "img/note.txt"\nline = 2\ndecision = ""' in written
    assert 'table = "ps_leaking"\ncolumn = "note"\nkey = { "id" = "2" }\ndecision = ""' in written

    refused = packing(leaking, "--decisions", file, "-o", bundle)
    assert refused.returncode == 1 and not bundle.exists()

    answers = iter(["remove", "blank"])
    file.write_text(re.sub('^decision = ""$', lambda _: f'decision = "{next(answers)}"', written, flags=re.M))
    done = packing(leaking, "--decisions", file, "-o", bundle)
    assert done.returncode == 0, done.stderr
    assert key.encode() not in content_of(bundle)
    report = json.loads(run("bundle", "show", bundle, "--json").stdout)["manifest"]["report"]
    assert [one["decision"] for one in report["decisions"]] == ["remove", "blank"]


@pytest.mark.sampled(of=2, rests=True)
def test_a_check_adds_what_is_new_keeps_what_was_decided_and_drops_nothing(leaking, tmp_path):
    file = tmp_path / "decisions.toml"
    file.write_text(
        '[[decision]]\nwhat = "secret cookie_key"\nfile = "img/note.txt"\nline = 2\ndecision = "blank"\n'
        '[[decision]]\nwhat = "secret cookie_key"\nfile = "img/gone.txt"\nline = 9\ndecision = "remove"\n'
    )
    document = json.loads(packing(leaking, "--check", "--json", "--decisions", file).stdout)
    assert [one["place"] for one in document["findings"]] == [
        {"table": "ps_leaking", "column": "note", "key": {"id": "2"}}
    ]
    assert document["findings"][0]["proven"] and document["error"]["code"] == "residue_in_bundle"
    written = file.read_text()
    assert 'line = 2\ndecision = "blank"' in written and 'key = { "id" = "2" }\ndecision = ""' in written
    assert written.count("[[decision]]") == 3
    assert "fits nothing" in written.partition("gone.txt")[0].rpartition("[[decision]]")[0]


@pytest.mark.sampled(of=3, rests=True)
def test_a_check_without_a_file_writes_nothing_and_json_shows_the_findings(leaking, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    document = json.loads(packing(leaking, "--check", "--json").stdout)
    assert {one["place"].get("file", one["place"].get("table")) for one in document["findings"]} == {
        "img/note.txt", "ps_leaking"
    }  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before
    packed = json.loads(packing(leaking, "--json", "-o", tmp_path / "x.bundle").stdout)
    assert packed["findings"] == document["findings"]


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("text", ["[[decision]]\nwhat = 1\n", "no TOML", '[[decision]]\nwhat = "x"\nfile = "a"\n'])
def test_a_bad_file_is_refused_before_anything_is_done(leaking, tmp_path, text):
    file = tmp_path / "decisions.toml"
    file.write_text(text)
    for words in (["-o", tmp_path / "x.bundle"], ["--check"]):
        done = packing(leaking, "--decisions", file, *words)
        assert done.returncode == 1 and "decisions_invalid" in done.stderr
        assert file.read_text() == text


@pytest.mark.sampled(of=3, rests=True)
def test_at_a_terminal_each_finding_is_asked_about_and_the_answers_are_kept_and_replace_no_file_unasked(
    leaking, tmp_path
):
    arguments, key, environment = leaking
    bundle, mine, file = tmp_path / "x.bundle", tmp_path / "mine.txt", tmp_path / "kept.toml"
    mine.write_text("mine")
    code, shown = at_terminal(
        [SHOPLAUNCH, "pack", *arguments, "-o", str(bundle)], environment,
        [("What becomes of it", "blank"), ("What becomes of it", "remove"), ("in which file", str(mine)),
         ("Replace it", "n"), ("in which file", str(file))],
    )  # fmt: skip
    assert code == 0, shown
    assert key not in shown and key.encode() not in content_of(bundle)
    assert "accept" not in shown
    assert mine.read_text() == "mine" and "[[decision]]" in file.read_text()
    done = packing(leaking, "--decisions", file, "-o", tmp_path / "y.bundle")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "y.bundle").read_bytes() == bundle.read_bytes()


@pytest.mark.sampled(of=2, rests=True)
def test_at_a_terminal_one_may_stop_and_nothing_is_left(leaking, tmp_path):
    arguments, key, environment = leaking
    code, shown = at_terminal(
        [SHOPLAUNCH, "pack", *arguments, "-o", str(tmp_path / "x.bundle")], environment,
        [("What becomes of it", "stop")],
    )  # fmt: skip
    assert code == 1 and "residue_in_bundle" in shown and key not in shown
    assert not (tmp_path / "x.bundle").exists()
