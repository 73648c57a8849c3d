"""`make bench`: the agent against what an administrator types, side by side in one run.

Usage: python -m tests.bench.restore [BUNDLE] [--runs N]. Without a bundle the sample shop is packed first.
A: `tar -xzf`, then `mariadb <`. B: both at once, the practical floor. C: the agent, with everything it does besides
(verify, fill in, prove, switch, clean up). Nothing is rewritten in A and B: their files and rows are filled already.
"""

import argparse
import base64
import gzip
import io
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from controller.bundles.agent_build import build_agent
from shared.bundle import SESSION, load_manifest, members_of
from shared.encoding import sha256_hex
from shared.placeholders import Renderer
from tests.agent_box import PROJECT, Box, Keys
from tests.controller_stub import Controller
from tests.mariadb import start_private, stop_private

sys.path.insert(0, str(PROJECT / "packaging" / "demo"))

KNOWN = {
    "domain": "bench.example",
    "base_uri": "/",
    "scheme": "http",
    "admin_folder": "backoffice77",
    "shop.currency": "",
}


class Material:
    """One bundle, and the same shop as `files.tar.gz` and `dump.sql`, already filled with the job's values."""

    def __init__(self, bundle, folder):
        self.bundle = Path(bundle)
        self.archive = Path(folder) / "files.tar.gz"
        self.dump = Path(folder) / "dump.sql"
        with zipfile.ZipFile(bundle) as members:
            self.raw_manifest = members.read("manifest.json")
            self.manifest = load_manifest(self.raw_manifest)
            values = {name: KNOWN.get(name, f"bench-{name}") for name in self.manifest["values"]}
            fragments = {}
            for member in members_of(self.manifest, "fragments"):
                document = json.loads(gzip.decompress(members.read(member["name"])))
                fragments.update((name, base64.b64decode(text)) for name, text in document.items())
            self.values = values
            self._renderer = Renderer(self.manifest["nonce"], values, fragments)
            self._write_archive(members)
            self._write_dump(members)

    def _write_archive(self, members):
        with tarfile.open(self.archive, "w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as target:
            for member in members_of(self.manifest, "files"):
                with tarfile.open(fileobj=io.BytesIO(gzip.decompress(members.read(member["name"])))) as shard:
                    for info in shard:
                        info.name = self._renderer.render(info.name.encode()).decode()
                        content = shard.extractfile(info)
                        data = None if content is None else self._renderer.render(content.read())
                        info.size = len(data or b"")
                        target.addfile(info, None if data is None else io.BytesIO(data))

    def _write_dump(self, members):
        parts = [";\n".join([*SESSION, ""])]
        tables = [json.loads(gzip.decompress(members.read(one["name"]))) for one in members_of(self.manifest, "tables")]
        for table in tables[0]:
            parts.append(table["create"] + ";\n")
        for member in members_of(self.manifest, "data"):
            parts.append(self._renderer.render(gzip.decompress(members.read(member["name"]))).decode())
        for table in tables[0]:
            parts += [statement + ";\n" for statement in table.get("late", [])]
            parts += [statement + ";\n" for _, statement in table.get("foreign_keys", [])]
        self.dump.write_text("".join(parts))


class Bench:
    """One server, one agent; each run gets fresh directories and a fresh database."""

    def __init__(self, material):
        self.material = material
        self.server = start_private()
        self.keys = Keys()
        self.controller = Controller()
        self.folder = Path(tempfile.mkdtemp(prefix="slbench"))
        build_agent(self.folder / "agent.pyz", [self.keys.public])

    def close(self):
        """Remove everything."""
        self.controller.close()
        stop_private(self.server)
        shutil.rmtree(self.folder)

    def _mariadb(self, database):
        return ["mariadb", "--no-defaults", "-uroot", f"-S{self.server.socket}", database]

    def _tar(self, target):
        return ["tar", "-xzf", str(self.material.archive), "-C", str(target)]

    def one_after_the_other(self):
        """A: seconds for unpacking, then importing."""
        database, target = self.server.new_database()[0], tempfile.mkdtemp(dir=self.folder)
        started = time.perf_counter()
        subprocess.run(self._tar(target), check=True)
        with self.material.dump.open("rb") as stream:
            subprocess.run(self._mariadb(database), stdin=stream, check=True)
        return self._end(started, database, target)

    def at_once(self):
        """B: seconds for both at the same time."""
        database, target = self.server.new_database()[0], tempfile.mkdtemp(dir=self.folder)
        started = time.perf_counter()
        with self.material.dump.open("rb") as stream:
            importing = subprocess.Popen(self._mariadb(database), stdin=stream)
        subprocess.run(self._tar(target), check=True)
        if importing.wait() != 0:
            raise RuntimeError("mariadb failed")
        return self._end(started, database, target)

    def _end(self, started, database, target):
        seconds = time.perf_counter() - started
        self.server.query(f"DROP DATABASE `{database}`")
        shutil.rmtree(target)
        return seconds

    def agent(self):
        """C: seconds from the launcher's start to the agent's own removal."""
        database, user, password = self.server.new_database()
        box = Box(self.controller, self.keys, self.folder / "agent.pyz")
        shutil.copy(self.material.bundle, box.folder / "shop.bundle")
        size = self.material.bundle.stat().st_size
        box.pin = {"manifest_sha256": sha256_hex(self.material.raw_manifest), "size": size}
        box.own()
        values = {"db.name": database, "db.user": user, "db.password": password, "db.socket": self.server.socket}
        own = {"root": str(box.root), "home": str(box.home), "db.host": "localhost", "db.port": ""}
        box.drop(values={**self.material.values, **own, **values})
        started = time.perf_counter()
        code = box.run(seconds=600)
        seconds = time.perf_counter() - started
        if code != 0:
            raise RuntimeError(f"the agent ended with {code}: {self.controller.events[-1]}")
        box.close()
        self.server.query(f"DROP DATABASE `{database}`")
        self.server.query(f"DROP USER `{user}`@localhost")
        return seconds


def sample_bundle(folder):
    """Pack the sample shop; return the bundle's path."""
    from world import World

    world = World(Path(folder) / "world", prefix="slbench")
    try:
        world.start()
        target = Path(folder) / "sample.bundle"
        world.pack(*world.install_sample(), target)
        return target
    finally:
        world.remove()


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slbench") as folder:
        Path(folder).chmod(0o755)
        material = Material(options.bundle or sample_bundle(folder), folder)
        bench = Bench(material)
        ways = {
            "A  tar, then mariadb": bench.one_after_the_other,
            "B  both at once": bench.at_once,
            "C  agent": bench.agent,
        }
        seconds = {name: [] for name in ways}
        try:
            for _ in track(range(options.runs), "Measuring"):
                for name, way in ways.items():
                    seconds[name].append(way())
        finally:
            bench.close()
    print_table(material, seconds)


def print_table(material, seconds):
    """Print each way's median, and its ratio to A taken pair by pair."""
    first = next(iter(seconds.values()))
    application = material.manifest["application"]
    title = f"{application['name']} {application['version']}, {len(first)} runs each, interleaved"
    table = Table("way", "median s", "min–max s", "ratio to A (median of pairs)", title=title)
    for name, values in seconds.items():
        ratio = statistics.median(value / other for value, other in zip(values, first, strict=True))
        table.add_row(name, f"{statistics.median(values):.2f}", f"{min(values):.2f}–{max(values):.2f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
