"""A plan for tests of the packer alone: replaces one domain, plainly, and knows nothing of any application."""

import hashlib

from controller.bundles.source import TEXT
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
        self.left_out = set()
        self.statements = []
        self._forbidden = {"domain": domain} if forbidden is None else forbidden

    def excludes(self, path, is_directory):
        return path in self.left_out

    def path(self, path):
        return path

    def file(self, path, content):
        return content.replace(self.domain, self.token) if self.domain in content else content

    def condition(self, table):
        return None if table in self.empty else self.where.get(table, "")

    def row(self, table, row):
        if not any(value and self.domain in value for value in row):
            return row
        return tuple(
            value.replace(self.domain, self.token) if value and column.kind in TEXT | {"blob"} else value
            for column, value in zip(table.stored, row)
        )

    def fragments(self):
        return {}

    def configure(self):
        return self.statements

    def manifest(self):
        return {
            "secrets": [], "variants": [], "entry_points": ["index.php"], "checks": [], "jobs": {},
            "php": {"min": "7.4", "max": None, "extensions": []}, "personal_data": [], "residue": [self.domain],
        }  # fmt: skip

    def forbidden(self):
        return self._forbidden

    def report(self):
        return {}
