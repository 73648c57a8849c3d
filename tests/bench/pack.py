"""`shoplaunch pack` against what it does at least: `python -m tests.bench.pack [--runs N] [--against FOLDER]`.

A: `tar -cz` and `mariadb-dump`, then a new server, as the packer starts one, and `mariadb <`. B: the packer, which
rewrites, loads twice, proves and searches besides. The template is the PrestaShop that SHOPLAUNCH_REAL_DOCROOT and
SHOPLAUNCH_REAL_DATABASE name, or the sample shop with as many files and rows as a PrestaShop has. Then the memory the
packer takes for the sample shop with few files and with many. With `--against` all of it also of another version, in
turn: its folder, with a `.venv` of its own.
"""

import argparse
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from rich.progress import track

from controller.bundles.source.servers.scratch import open_scratch
from tests.support import leftovers
from tests.support.machine.resources import pss_of
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.shops.real_shop import DATABASE, DOCROOT
from tests.support.worlds.agent_box import PROJECT

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
INSTALLER = PROJECT / "packaging" / "demo" / "sample-shop" / "install.php"
PASSWORD = "bench-Pw-2024-x"
#: What PrestaShop 8.2.1 with its demo catalogue has.
FILES, FILE_BYTES = 27_000, 9_000
ROWS, ROW_BYTES = 5_000, 200
#: Enough for several shards: what a shard takes is there at either size.
FEW_FILES = 9_000
#: Titles of the two ways.
BY_HAND, PACK = "tar, dump, load", "pack"
_WORDS = random.Random(1)
WORDS = ["".join(_WORDS.choices("abcdefghijklmnopqrstuvwxyz_$", k=_WORDS.randint(2, 11))) for _ in range(3000)]


def add_files(root, start, end):
    """Put files of words with these numbers into the sample shop."""
    for number in range(start, end):
        draw = random.Random(number)
        folder = root / "modules" / f"m{number // 500}" / f"f{number // 25}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(draw.choices(WORDS, k=draw.randint(1, FILE_BYTES // 4)))
        (folder / f"{number}.php").write_text(f"<?php // {text}")


def add_rows(server, database):
    """Put rows of words into the sample shop's database."""
    draw = random.Random(0)
    server.query("CREATE TABLE ps_notes (id int NOT NULL, note text, PRIMARY KEY (id))", database=database)
    for number in range(ROWS):
        note = " ".join(draw.choices(WORDS, k=ROW_BYTES // 8))
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
        """A: tar, dump, and the dump in a new server; return part -> seconds."""
        parts = {}
        with timed(parts, "tar -cz"):
            subprocess.run(["tar", "-czf", str(folder / "files.tar.gz"), "-C", str(self.root), "."], check=True)
        with timed(parts, "mariadb-dump"), (folder / "dump.sql").open("wb") as dump:
            command = ["mariadb-dump", *self._login, "--single-transaction"]
            subprocess.run(command, stdout=dump, check=True, env={**os.environ, "MYSQL_PWD": self.password})
        with timed(parts, "scratch server, loaded"), open_scratch(None, lambda _: None) as scratch:
            name = scratch.new_database()
            client = ["mariadb", "--no-defaults", "--skip-ssl", "-uroot", f"-S{scratch._address().socket}", name]
            with (folder / "dump.sql").open("rb") as dump:
                subprocess.run(client, stdin=dump, check=True)
        return parts

    def started(self, folder, shoplaunch=SHOPLAUNCH):
        """Return the packer, just started (subprocess.Popen)."""
        command = [shoplaunch, "pack", "--docroot", str(self.root), "--database", self.url]
        return subprocess.Popen(
            [*command, "-o", str(folder / "shop.bundle")],
            env={**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": self.password},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def packed(self, folder, shoplaunch=SHOPLAUNCH):
        """B: the packer; return phase -> seconds. The files are packed in parallel with the phases before their own."""
        before = processor_seconds()
        process = self.started(folder, shoplaunch)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        phases = {name: float(seconds) for name, seconds in re.findall(r"^(.+): ([0-9.]+) s$", said, re.MULTILINE)}
        return {**phases, "processor": processor_seconds() - before}

    def peak_bytes(self, folder, shoplaunch=SHOPLAUNCH):
        """Return the most memory the packer's own processes take together, the scratch server apart."""
        process, peak = self.started(folder, shoplaunch), 0
        while process.poll() is None:
            peak = max(peak, pss_of(process.pid, without="mariadbd"))
            time.sleep(0.02)
        assert process.returncode == 0, process.stderr.read()
        return peak


@contextmanager
def timed(parts, name):
    """Put the seconds the block takes into `parts`."""
    started = time.perf_counter()
    yield
    parts[name] = time.perf_counter() - started


def sample(folder, server):
    """Return the sample shop with many rows as a Template."""
    name, user, _ = server.new_database()
    server.query(f"ALTER USER `{user}`@localhost IDENTIFIED BY %s", PASSWORD)
    url = f"mysql://{user}@localhost/{name}?unix_socket={server.socket}"
    command = ["php", str(INSTALLER), "--docroot", str(folder / "shop"), "--domain", "bench-template.example"]
    command += ["--admin-email", "boss@bench-template.example", "--admin-password", PASSWORD, "--db-url", url]
    environment = {**os.environ, "SAMPLE_SHOP_DB_PASSWORD": PASSWORD}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    add_rows(server, name)
    return Template(folder / "shop", url, PASSWORD)


def real():
    """Return the PrestaShop the environment names as a Template."""
    parts = urlsplit(os.environ[DATABASE])
    url = parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}").geturl()
    return Template(os.environ[DOCROOT], url, unquote(parts.password or ""))


def processor_seconds():
    """Return the processor time of all that this process has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(template, runs, packers):
    """Measure all ways in turn, `packers` being title -> command; print the medians of all, of their parts, and of the
    ratio of pairs."""
    ways = {BY_HAND: template.by_hand}
    ways |= {title: partial(template.packed, shoplaunch=command) for title, command in packers.items()}
    seconds, parts = {title: [] for title in ways}, {title: [] for title in ways}
    for _ in track(range(runs), "Measuring"):
        for title, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="slbench") as folder:
                started = time.perf_counter()
                parts[title].append(way(Path(folder)))
                seconds[title].append(time.perf_counter() - started)
    for title in ways:
        print(f"{title:<28}{statistics.median(seconds[title]):6.1f} s")
        for name in parts[title][0]:
            print(f"  {name:<26}{statistics.median(one.get(name, 0.0) for one in parts[title]):6.1f} s")
    for other in [title for title in ways if title != PACK]:
        ratio = statistics.median(mine / theirs for mine, theirs in zip(seconds[PACK], seconds[other], strict=True))
        print(f"{'ratio to ' + other:<28}{ratio:7.2f}   ({runs} runs each, in turn)")
        used = [mine["processor"] / theirs["processor"] for mine, theirs in _pairs(parts[PACK], parts[other])]
        if used:
            # What else runs on the machine changes it less
            print(f"{'  of processor time':<28}{statistics.median(used):7.2f}")


def _pairs(mine, theirs):
    """Return the pairs of runs of which both know their processor time."""
    return [pair for pair in zip(mine, theirs, strict=True) if all("processor" in one for one in pair)]


def measure_memory(template, files, packers):
    """Print the packers' peak memory for the sample shop."""
    for title, command in packers.items():
        with tempfile.TemporaryDirectory(prefix="slbench") as folder:
            peak = template.peak_bytes(Path(folder), command) / 1e6
            print(f"peak memory, {files:>6} files   {peak:6.1f} MB   {title}")


def main():
    """Measure the template there is, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another version, measured in turn")
    options = parser.parse_args()
    packers = {PACK: SHOPLAUNCH}
    if options.against:
        packers["the other version"] = str(options.against.resolve() / ".venv/bin/shoplaunch")
    is_real = DOCROOT in os.environ and DATABASE in os.environ
    if is_real:
        measure(real(), options.runs, packers)
    server = start_private()
    try:
        with tempfile.TemporaryDirectory(prefix="slbench") as folder:
            template = sample(Path(folder), server)
            add_files(template.root, 0, FEW_FILES)
            measure_memory(template, FEW_FILES, packers)
            add_files(template.root, FEW_FILES, FILES)
            measure_memory(template, FILES, packers)
            if not is_real:
                measure(template, options.runs, packers)
    finally:
        stop_private(server)


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
