"""What is measured with: a bundle, and the same shop as an administrator's archive and dump; kept for the next time."""

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from controller.jobs.shop.values import located
from controller.shop_address import ShopAddress
from shared.bundle import SESSION, load_manifest, members_of
from shared.encoding import sha256_hex
from shared.placeholders import Renderer
from tests.bench import shapes
from tests.support.worlds.agent_box import PROJECT

KNOWN = {
    **located(ShopAddress.on_usual_port("bench.example")),
    "admin_folder": "backoffice77",
    "shop.currency": "",
}
SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
CACHE = PROJECT / "build" / "bench"
#: Whatever of the project decides what a bundle and its template are.
_SOURCES = ("controller/bundles", "controller/recipes", "shared", "packaging/demo/sample-shop")


class Material:
    """One shop in `folder`: `bundle`, `archive` (tar.gz), `dump` (SQL), all of the same files and rows.

    `manifest` and `raw_manifest` are the bundle's, `values` what its placeholders were filled with in archive and dump.
    `tree_bytes` is what its files hold.
    """

    def __init__(self, name, bundle, folder):
        self.name = name
        self.bundle = Path(bundle)
        self.archive, self.dump = folder / "files.tar.gz", folder / "dump.sql"
        with zipfile.ZipFile(bundle) as members:
            self.raw_manifest = members.read("manifest.json")
        self.manifest = load_manifest(self.raw_manifest)
        self.values = {name: KNOWN.get(name, f"bench-{name}") for name in self.manifest["values"]}
        with tarfile.open(self.archive) as archive:
            sizes = [one.size for one in archive if one.isfile()]
        self.files, self.tree_bytes = len(sizes), sum(sizes)

    @property
    def shape(self):
        """What it is, in words: size of the bundle, files, SQL."""
        packed, sql = self.bundle.stat().st_size, self.dump.stat().st_size
        return f"{packed / 1e6:.0f} MB, {self.files:,} files, {sql / 1e6:.0f} MB of SQL"


def of_shape(name, server, stack):
    """Return the Material of shapes.SHAPES[name]; it is made when it is not there yet, or of another generator.

    `stack` (contextlib.ExitStack) removes the template's many files when it closes, long after the measuring.
    """
    folder = CACHE / f"{name}-{_digest()}"
    if not folder.exists():
        for old in CACHE.glob(f"{name}-*"):
            shutil.rmtree(old)
        CACHE.mkdir(parents=True, exist_ok=True)
        made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench", dir=CACHE)))
        root, url = shapes.make(shapes.SHAPES[name], made, server)
        (made / "kept").mkdir()
        _pack(root, url, made / "kept" / "shop.bundle")
        _derive(made / "kept" / "shop.bundle", made / "kept", server)
        (made / "kept").rename(folder)
    return Material(name, folder / "shop.bundle", folder)


def of_bundle(path, folder, server):
    """Return the Material of the bundle at `path`; what belongs to it is written into `folder` (Path)."""
    _derive(path, folder, server)
    return Material(Path(path).stem, path, folder)


def _digest():
    """Return a short digest of everything the shapes and their bundles are made by."""
    found = hashlib.sha256()
    paths = [Path(shapes.__file__), Path(__file__)]
    for source in _SOURCES:
        paths += sorted(path for path in (PROJECT / source).rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in paths:
        found.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def _pack(root, url, target):
    environment = {**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": shapes.PASSWORD}
    command = [SHOPLAUNCH, "pack", "--docroot", str(root), "--database", url, "-o", str(target)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _derive(bundle, folder, server):
    """Write `files.tar.gz` and `dump.sql` into `folder`: the bundle's files and rows, filled with KNOWN."""
    with zipfile.ZipFile(bundle) as members:
        manifest = load_manifest(members.read("manifest.json"))
        values = {name: KNOWN.get(name, f"bench-{name}") for name in manifest["values"]}
        fragments = {}
        for member in members_of(manifest, "fragments"):
            document = json.loads(gzip.decompress(members.read(member["name"])))
            fragments.update((name, base64.b64decode(text)) for name, text in document.items())
        renderer = Renderer(manifest["nonce"], values, fragments)
        _write_archive(folder / "files.tar.gz", members, manifest, renderer)
        _write_dump(folder / "dump.sql", members, manifest, renderer, server)


def _write_archive(path, members, manifest, renderer):
    with tarfile.open(path, "w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as target:
        for member in members_of(manifest, "files"):
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(members.read(member["name"])))) as shard:
                for info in shard:
                    info.name = renderer.render(info.name.encode()).decode()
                    content = shard.extractfile(info) if info.isfile() else None
                    data = None if content is None else renderer.render(content.read())
                    info.size = len(data or b"")
                    target.addfile(info, None if data is None else io.BytesIO(data))


def _write_dump(path, members, manifest, renderer, server):
    """The rows, loaded into a database and dumped from there as everybody dumps: keys within the definitions."""
    (member,) = members_of(manifest, "tables")
    tables = json.loads(gzip.decompress(members.read(member["name"])))
    database = server.new_database()[0]
    client = ["--user=root", f"--socket={server.socket}", database]
    loading = subprocess.Popen(["mariadb", "--no-defaults", *client], stdin=subprocess.PIPE)
    with loading.stdin as stream:
        for statement in [*SESSION, *(table["create"] for table in tables), "SET autocommit=0"]:
            stream.write(statement.encode() + b";\n")
        for data in members_of(manifest, "data"):
            stream.write(renderer.render(gzip.decompress(members.read(data["name"]))))
        for table in tables:
            late = [*table.get("late", []), *(statement for _, statement in table.get("foreign_keys", []))]
            stream.write("".join(statement + ";\n" for statement in late).encode())
        stream.write(b"COMMIT;\n")
    if loading.wait() != 0:
        raise RuntimeError("the bundle's rows cannot be loaded")
    with path.open("wb") as dump:
        subprocess.run(["mariadb-dump", "--no-defaults", *client], stdout=dump, check=True)
    server.query(f"DROP DATABASE `{database}`")


def pin(material):
    """Return how a job names the bundle."""
    return {"manifest_sha256": sha256_hex(material.raw_manifest), "size": material.bundle.stat().st_size}
