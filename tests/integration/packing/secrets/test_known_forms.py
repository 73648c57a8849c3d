"""Secrets that nothing but their form gives away: planted in modules' rows and files, found, decided and gone."""

import io
import itertools
import json
import re
import tarfile
import tomllib
from collections import Counter

import pytest

from tests.integration.packing.commands.test_command import run
from tests.integration.packing.conftest import installed_sample
from tests.support.shops.packing import server_url, unpacked
from tests.support.shops.secret_samples import FORMS, WRITTEN

COUNT = 60
KINDS = list(FORMS)
#: Of files only those that keep settings hold what is wrapped.
FILES = {
    "alone": "modules/x{n}/keys.txt", "code": "modules/x{n}/config.php", "settings": "modules/x{n}/config.ini",
    "element": "themes/x{n}/config.xml", "json": "modules/x{n}/account.json", "json in json": "themes/x{n}/a.json",
    "json of numbers": "modules/x{n}/numbers.json",
    "address": "modules/x{n}/views/front.js", "base64": "modules/x{n}/secret.yml", "serialized": "modules/x{n}/x.env",
    "base64 of serialized": "modules/x{n}/x.conf", "hexadecimal": "modules/x{n}/x.properties",
}  # fmt: skip
PLACES = ("row", "file", "row without a key", "bytes")
#: Of each kind one in a comment: nobody is asked about these.
COMMENTS = {
    "a.php": b"<?php\nreturn 'http://x'; // %b\n", "b.js": b"f('http://x');\n/* %b */\n", "c.css": b"a {}\n/* %b */\n",
    "d.html": b"<p>it's</p>\n<!-- %b -->\n", "e.sql": b"SELECT 1;\n-- %b\n", "f.yml": b"a: 1\n# %b\n",
    "g.tpl": b"<p>\n{* %b *}</p>\n", "h.xml": b"<a>\n<!-- %b --></a>\n",
}  # fmt: skip
IN_COMMENTS = {
    f"modules/comments/{number}{name}": (kind, content)
    for (number, kind), (name, content) in zip(
        ((n, kind) for n, kind in enumerate(KINDS) if kind != "private key"), itertools.cycle(COMMENTS.items())
    )
}


def planted():
    """Yield (number, kind, secret, how it is written, place)."""
    for number in range(COUNT):
        kind = KINDS[number % len(KINDS)]
        secret = FORMS[kind]
        # Each time round a kind is written in another way and place
        turn = number // len(KINDS)
        way = list(WRITTEN)[(number + turn) % len(WRITTEN)]
        yield number, kind, secret, way, PLACES[(number // 3 + turn) % len(PLACES)]


@pytest.fixture(scope="module")
def shop(mariadb_server, tmp_path_factory):
    """A sample shop with planted secrets: (document root, arguments of pack, environment)."""
    root, url, password = installed_sample(tmp_path_factory.mktemp("forms") / "public_html", mariadb_server)
    name = url.split("/")[3].split("?")[0]

    def query(sql, *values):
        mariadb_server.query(sql, *values, database=name)

    query("CREATE TABLE ps_x_account (id int PRIMARY KEY, title varchar(40), note mediumtext, raw blob) ENGINE=InnoDB")
    query("CREATE TABLE ps_x_log (note mediumtext) ENGINE=InnoDB")
    for number, kind, secret, way, place in planted():
        written = WRITTEN[way](secret)
        if place == "file":
            path = root / FILES[way].format(n=number)
            path.parent.mkdir(parents=True)
            path.write_bytes(b"first\n" + written + b"\nlast\n" if "json" not in way else written)
        elif place == "row without a key":
            query("INSERT INTO ps_x_log VALUES (%s)", written)
        else:
            note, raw = (written, None) if place == "row" else (b"kept", written)
            query("INSERT INTO ps_x_account VALUES (%s, %s, %s, %s)", number, f"account {number}", note, raw)
    (root / "modules" / "comments").mkdir()
    for path, (kind, content) in IN_COMMENTS.items():
        (root / path).write_bytes(content.replace(b"%b", FORMS[kind].encode()))
    for number in range(2000):
        query("INSERT INTO ps_x_account VALUES (%s, 'other', %s, NULL)", 1000 + number, "words " * 40)
    examples = root / "modules" / "examples"
    (examples / "vendor" / "a" / "tests").mkdir(parents=True)
    (examples / "vendor" / "a" / "tests" / "key.pem").write_text(FORMS["private key"])
    (examples / "examples.php").write_text("<?php // AKIAIOSFODNN7EXAMPLE sk_live_xxxxxxxxxxxxxxxxxxxxxxxx\n")
    arguments = ["--docroot", root, "--database", url, "--scratch", server_url(mariadb_server)]
    return root, arguments, {"SHOPLAUNCH_SOURCE_PASSWORD": password}


def content_of(bundle):
    """Return all bytes of a bundle, unpacked."""
    parts = []
    for name, data in unpacked(bundle):
        parts.append(data)
        if name.endswith("tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(data)) as inside:
                files = {item.name: inside.extractfile(item).read() for item in inside if item.isfile()}
                parts[-1] = b"\0".join(kept for path, kept in files.items() if "/examples/" not in path)
    return b"\0".join(parts)


def require_at_their_places(findings):
    """Every planted secret is proven, and found where it is."""
    assert all(one["proven"] for one in findings)
    reported = {(one["what"], json.dumps(one["place"], sort_keys=True)) for one in findings}
    unkeyed = Counter(one["what"] for one in findings if one["place"].get("table") == "ps_x_log")
    assert unkeyed == Counter(f"secret {kind}" for _, kind, _, _, place in planted() if place == "row without a key")
    for number, kind, _, way, place in planted():
        where = {"table": "ps_x_account", "column": "note" if place == "row" else "raw", "key": {"id": str(number)}}
        if place == "file":
            line = 1 if "json" in way else 3 if way in ("code", "settings") else 2
            where = {"file": FILES[way].format(n=number), "line": line}
        elif place == "row without a key":
            continue
        assert (f"secret {kind}", json.dumps(where, sort_keys=True)) in reported, (number, kind, way, where)
    assert len(findings) == COUNT


def test_sixty_are_found_at_their_places_cannot_be_accepted_and_are_gone_once_decided(shop, tmp_path):
    root, arguments, environment = shop
    file = tmp_path / "decisions.toml"
    before = sorted(root.rglob("*"))
    checked = run("pack", *arguments, "--check", "--json", "--decisions", file, **environment)
    assert checked.returncode == 1, checked.stderr
    assert sorted(root.rglob("*")) == before and [one.name for one in tmp_path.iterdir()] == ["decisions.toml"]
    findings = json.loads(checked.stdout)["findings"]
    require_at_their_places(findings)
    written = file.read_text()
    for _, kind, secret, _, _ in planted():
        assert secret not in written + checked.stdout + checked.stderr, kind

    accepted = re.sub('^decision = ""$', 'decision = "accept"', written, count=1, flags=re.M)
    file.write_text(accepted)
    refused = run("pack", *arguments, "--decisions", file, "-o", tmp_path / "x.bundle", **environment)
    assert refused.returncode == 1 and "decisions_invalid" in refused.stderr

    file.write_text(re.sub('^decision = ""$', 'decision = "blank"', written, flags=re.M))
    for name in ("x.bundle", "y.bundle"):
        done = run("pack", *arguments, "--json", "--decisions", file, "-o", tmp_path / name, **environment)
        assert done.returncode == 0, done.stderr
        assert "fits nothing" not in done.stderr
    reported = json.loads(done.stdout)["report"]["blanked_comments"]
    expected = {path: f"secret {kind}" for path, (kind, _) in IN_COMMENTS.items()}
    assert {one["file"]: one["what"] for one in reported} == expected
    assert all(one["line"] == 2 for one in reported) and not any(secret in done.stdout for secret in FORMS.values())
    assert (tmp_path / "x.bundle").read_bytes() == (tmp_path / "y.bundle").read_bytes()
    content = content_of(tmp_path / "x.bundle")
    for kind, secret in FORMS.items():
        assert secret.encode() not in content and secret.encode().hex().encode() not in content, kind
    assert len(tomllib.loads(file.read_text())["decision"]) == COUNT
