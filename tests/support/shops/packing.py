"""A plan for tests of the packer alone: replaces one domain, plainly, and knows nothing of any application."""

import gzip
import hashlib
import shutil
import zipfile

from controller.bundles.source.database.snapshot import TEXT
from shared.placeholders import token


class PlainPlan:
    """Packs everything as it is but for `domain` (bytes), which becomes the placeholder `domain`."""

    def __init__(self, domain=b"shop.template.example", forbidden=None, empty=(), where=None):
        self.domain = domain
        self.nonce = hashlib.sha256(domain).hexdigest()[:8]
        self.application = {"name": "plain", "version": "1", "recipe": "plain"}
        self.token = token(self.nonce, "domain")
        self.empty = set(empty)
        self.where = where or {}
        self.unwanted = set()
        self.going_on = set()
        self.statements = []
        #: Table -> {column: template} of what every shop has in each of its rows.
        self.own = {}
        self._forbidden = {"domain": domain} if forbidden is None else forbidden

    def left_out(self, path, is_directory):
        return "of no use" if path in self.unwanted else None

    def path(self, path):
        return path

    def file(self, path, content):
        return content.replace(self.domain, self.token) if self.domain in content else content

    def added(self):
        return {}

    def condition(self, table):
        return None if table in self.empty else self.where.get(table, "")

    def goes_on(self, table):
        return table in self.going_on

    def row(self, table, row):
        if not any(value and self.domain in value for value in row):
            return row
        return tuple(
            value.replace(self.domain, self.token) if value and column.kind in TEXT | {"blob"} else value
            for column, value in zip(table.stored, row)
        )

    def cells(self, table, row):
        return self.own.get(table.name, {})

    def text(self, value, place):
        return value.replace(self.domain, self.token)

    def table(self, name):
        return name

    def setting(self, name, value):
        return [("settings", {"sql": "UPDATE settings SET value = %s WHERE name = %s", "params": [value, name]})]

    def owns(self, path):
        return path == b"config.php"

    def fragments(self):
        return {}

    def people(self):
        return {}

    def configure(self):
        return self.statements

    def manifest(self):
        return {
            "secrets": [], "entry_points": ["index.php"], "checks": [], "jobs": {},
            "php": {"min": "7.4", "max": None, "extensions": []}, "personal_data": [], "folders": False,
            "residue": [self.domain],
        }  # fmt: skip

    def probes(self):
        return {}

    def forbidden(self):
        return self._forbidden

    def needles(self):
        return self._forbidden

    def kinds(self):
        return {"domain": "domain"}

    def noticed(self):
        return []

    def unsearched(self):
        return {}

    def require_plausible(self):
        pass

    def report(self):
        return {}

    def branch(self):
        return self

    def seen(self):
        return None

    def absorb(self, seen):
        pass


class Written:
    """A bundle that was packed to `path` (Path), as tests of the agent take bundles (Handmade)."""

    def __init__(self, path):
        self.path = path

    def write(self, path):
        """Write the bundle; return the job's pin of it."""
        shutil.copyfile(self.path, path)
        with zipfile.ZipFile(self.path) as bundle:
            manifest = bundle.read("manifest.json")
        return {"manifest_sha256": hashlib.sha256(manifest).hexdigest(), "size": self.path.stat().st_size}


class Quiet:
    """Progress reported to nobody; keeps the phases' names."""

    def __init__(self):
        self.phases = []

    def phase(self, name, total=None):
        self.phases.append(name)

    def advance(self, steps=1):
        pass


def server_url(server, database=None):
    """Return the URL of a tests.support.servers.databases.mariadb server as packer and scratch take it."""
    return f"mysql://root@localhost/{database or ''}?unix_socket={server.socket}"


def small_shop(folder):
    """Write a document root of a few files into `folder` (Path); return it."""
    (folder / "img").mkdir(parents=True)
    (folder / "index.php").write_text("<?php echo 'http://shop.template.example/';\n")
    (folder / ".htaccess").write_text("RewriteCond %{HTTP_HOST} ^shop.template.example$\n")
    (folder / "img" / "logo.png").write_bytes(bytes(range(256)) * 40)
    (folder / "empty").mkdir()
    for path in [*folder.rglob("*"), folder]:
        import os

        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def packed(docroot, target, plan=None, **more):
    """Pack with a PlainPlan; return controller.bundles.pipeline.Packed."""
    from controller.bundles.pipeline import Request, pack

    plan = plan or PlainPlan()
    return pack(Request(docroot, target, **more), lambda tree, source: plan, Quiet())


def unpacked(bundle):
    """Yield (name, content without compression) of each member of a bundle file."""
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            yield name, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
