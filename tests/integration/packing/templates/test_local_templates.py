"""A developer's template at localhost:8080/shop, packed by `--docroot .`: what is the shop's goes, the rest stays."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from controller.bundles.residue.bundle_reader import open_bundle
from tests.support.shops import sample_shop

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
CACHES = rb"""<?php return [
    'cache' => 'memcached://localhost:11211', 'queue' => 'redis://localhost:6379', 'search' => 'http://localhost:9200',
    'db' => ['host' => 'localhost'], 'admin' => 'http://localhost/phpmyadmin/', 'shop' => 'http://localhost:8080/shop/x',
    'words' => 'a public. thing, a shop.', 'log' => 'C:\\xampp\\htdocs\\shop\\var\\logs', 'dir' => './img/../img',
];
"""
ROW = r"http://localhost:8080/shop/img/x.jpg http://localhost:8025/ ./shop. C:\xampp\htdocs\shop\img\p\1.jpg"


@pytest.fixture(scope="module")
def bundle(mariadb_server, tmp_path_factory):
    """The opened bundle of such a template, packed in its own folder."""
    root = tmp_path_factory.mktemp("local") / "shop"
    name, user, password = mariadb_server.new_database()
    url = f"mysql://{user}@localhost/{name}?unix_socket={mariadb_server.socket}"
    sample_shop.install(root, "localhost:8080", url, password, "--physical-uri", "/shop/")
    (root / "modules/local.php").write_bytes(CACHES)
    (root / ".htaccess").unlink()
    (root / "vendor").mkdir(exist_ok=True)
    (root / "vendor/client.php").write_text("<?php // new Client('http://localhost:8080/shop/')\n")
    (root / "var/logs").mkdir(parents=True, exist_ok=True)
    logged = [rf"in C:\xampp\htdocs\shop\{path} on line 1" for path in (r"modules\local.php", r"vendor\client.php")]
    (root / "var/logs/prod.log").write_text("\n".join(logged))
    mariadb_server.query("UPDATE ps_product_lang SET description = %s", ROW, database=name)
    target = root.parent / "local.bundle"
    done = subprocess.run(
        [SHOPLAUNCH, "pack", "--docroot", ".", "--database", url, "-o", str(target), "--json"],
        env={**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": password}, capture_output=True, text=True, cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open_bundle(target) as opened:
        yield Opened(opened, json.loads(done.stdout))


class Opened:
    """A bundle's files and rows as they were packed, placeholders by their names: `<domain>`."""

    def __init__(self, bundle, reported):
        self.manifest = bundle.manifest
        self.report = reported["report"]
        self.files, self.rows = {}, b""
        for member, packed in bundle.members():
            if member["kind"] == "files":
                with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
                    self.files.update(
                        {one.name: self._named(archive.extractfile(one).read()) for one in archive if one.isfile()}
                    )
            elif member["kind"] == "data":
                self.rows += self._named(gzip.decompress(packed))

    def _named(self, data):
        mark = b"@@SL" + self.manifest["nonce"].encode()
        return re.sub(re.escape(mark) + rb":([a-z0-9_.]+):([a-z0-9_.*+]+)@@", rb"<\1>", data)


@pytest.mark.sampled(of=3, rests=True)
def test_only_what_names_the_shop_becomes_a_placeholder(bundle):
    assert bundle.files["modules/local.php"] == CACHES.replace(
        b"http://localhost:8080/shop/x", b"http://<shop.address>/x"
    ).replace(b"C:\\\\xampp\\\\htdocs\\\\shop\\\\var\\\\logs", b"<root>/var/logs")


def test_rows_keep_their_dots_and_words_and_take_the_new_address(bundle):
    assert b"http://<shop.address>/img/x.jpg http://localhost:8025/ ./shop. <root>/img/p/1.jpg" in bundle.rows


def test_an_example_in_a_library_stays_and_is_reported(bundle):
    assert b"'http://localhost:8080/shop/'" in bundle.files["vendor/client.php"]
    left = {(one["place"], one["reason"]) for one in bundle.report["rewriting"]["left"]}
    assert ("vendor/client.php", "an example in a library or in documentation") in left


def test_few_files_have_placeholders(bundle):
    assert sum(b"<" in text and b"<root>" in text for text in bundle.files.values()) < 5
    assert bundle.report["files"]["filled"] < 30


def test_the_web_servers_rules_ask_for_the_new_host_and_folder(bundle):
    rules = bundle.files[".htaccess"]
    assert b"localhost" not in rules and b"/shop/" not in rules
    assert b"REWRITEBASE:<base_uri>" in rules and b"%{HTTP_HOST} ^<domain>$" in rules
    (reported,) = [one["what"] for one in bundle.report["rewriting"]["notes"] if one["place"] == ".htaccess"]
    assert reported.startswith("written anew")


def test_addresses_are_searched_for_afterwards_and_other_hosts_are_not(bundle):
    searched = [bytes.fromhex(one) for one in bundle.manifest["residue"]]
    assert not any(one in CACHES.replace(b"http://localhost:8080/shop", b"") for one in searched)
    assert any(one in rb"see C:\xampp\htdocs\shop\img" for one in searched)
