"""`shoplaunch pack` against what it does at least: `python -m tests.bench.pack [--runs N]`.

A: `tar -cz` and `mariadb-dump`, then a new server and `mariadb <`. B: the packer, which rewrites, loads twice, proves
and searches besides. The template is the PrestaShop that SHOPLAUNCH_REAL_DOCROOT and SHOPLAUNCH_REAL_DATABASE name, or
the sample shop with as many files and rows as a PrestaShop has.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from rich.progress import track

from tests.agent_box import PROJECT
from tests.mariadb import start_private, stop_private
from tests.real_shop import DATABASE, DOCROOT

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
INSTALLER = PROJECT / "packaging" / "demo" / "sample-shop" / "install.php"
PASSWORD = "bench-Pw-2024-x"
#: What PrestaShop 8.2.1 with its demo catalogue has.
FILES, FILE_BYTES = 27_000, 9_000
ROWS, ROW_BYTES = 5_000, 200


def enlarge(root, server, database):
    """Put files and rows of words into the sample shop."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_$", k=draw.randint(2, 11))) for _ in range(3000)]
    for number in range(FILES):
        folder = root / "modules" / f"m{number // 500}" / f"f{number // 25}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(draw.choices(words, k=draw.randint(1, FILE_BYTES // 4)))
        (folder / f"{number}.php").write_text(f"<?php // {text}")
    server.query("CREATE TABLE ps_notes (id int NOT NULL, note text, PRIMARY KEY (id))", database=database)
    for number in range(ROWS):
        note = " ".join(draw.choices(words, k=ROW_BYTES // 8))
        server.query("INSERT INTO ps_notes VALUES (%s, %s)", number, note, database=database)


class Template:
    """A shop to pack: `root`, `url` (without its password) and `password`."""

    def __init__(self, root, url, password):
        self.root, self.url, self.password = Path(root), url, password
        parts = urlsplit(url)
        socket = parse_qs(parts.query).get("unix_socket", [None])[0]
        where = [f"--socket={socket}"] if socket else [f"--host={parts.hostname}", f"--port={parts.port or 3306}"]
        self._login = ["--no-defaults", f"--user={unquote(parts.username)}", *where, parts.path.strip("/")]

    def by_hand(self, folder):
        """A: tar, dump, and the dump in a new server."""
        subprocess.run(["tar", "-czf", str(folder / "files.tar.gz"), "-C", str(self.root), "."], check=True)
        with (folder / "dump.sql").open("wb") as dump:
            command = ["mariadb-dump", *self._login, "--single-transaction"]
            subprocess.run(command, stdout=dump, check=True, env={**os.environ, "MYSQL_PWD": self.password})
        server = start_private()
        try:
            name = server.new_database()[0]
            with (folder / "dump.sql").open("rb") as dump:
                subprocess.run(
                    ["mariadb", "--no-defaults", "-uroot", f"-S{server.socket}", name], stdin=dump, check=True
                )
        finally:
            stop_private(server)

    def packed(self, folder):
        """B: the packer."""
        command = [SHOPLAUNCH, "pack", "--docroot", str(self.root), "--database", self.url]
        environment = {**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": self.password}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*command, "-o", str(folder / "shop.bundle")], check=True, env=environment, **quiet)


def sample(folder, server):
    """Return the enlarged sample shop as a Template."""
    name, user, _ = server.new_database()
    server.query(f"ALTER USER `{user}`@localhost IDENTIFIED BY %s", PASSWORD)
    url = f"mysql://{user}@localhost/{name}?unix_socket={server.socket}"
    command = ["php", str(INSTALLER), "--docroot", str(folder / "shop"), "--domain", "bench-template.example"]
    command += ["--admin-email", "boss@bench-template.example", "--admin-password", PASSWORD, "--db-url", url]
    environment = {**os.environ, "SAMPLE_SHOP_DB_PASSWORD": PASSWORD}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    enlarge(folder / "shop", server, name)
    return Template(folder / "shop", url, PASSWORD)


def real():
    """Return the PrestaShop the environment names as a Template."""
    parts = urlsplit(os.environ[DATABASE])
    url = parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}").geturl()
    return Template(os.environ[DOCROOT], url, unquote(parts.password or ""))


def measure(template, runs):
    """Measure both ways in turn; print their medians and the ratio of pairs."""
    seconds = {template.by_hand: [], template.packed: []}
    for _ in track(range(runs), "Measuring"):
        for way, taken in seconds.items():
            with tempfile.TemporaryDirectory(prefix="slbench") as folder:
                started = time.perf_counter()
                way(Path(folder))
                taken.append(time.perf_counter() - started)
    by_hand, packed = seconds.values()
    ratio = statistics.median(mine / theirs for mine, theirs in zip(packed, by_hand, strict=True))
    print(f"tar, dump, load: {statistics.median(by_hand):.1f} s   pack: {statistics.median(packed):.1f} s   ", end="")
    print(f"ratio: {ratio:.2f} ({runs} runs each, in turn)")


def main():
    """Measure the template there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if DOCROOT in os.environ and DATABASE in os.environ:
        measure(real(), options.runs)
        return
    server = start_private()
    try:
        with tempfile.TemporaryDirectory(prefix="slbench") as folder:
            measure(sample(Path(folder), server), options.runs)
    finally:
        stop_private(server)


if __name__ == "__main__":
    main()
