"""A template's rows and files as far as the checks of its recipe depend on them."""

from shared.schema import load_schema
from tests.support.packers_view import packers_view


class CheckedTemplate:
    """A database of its own and a folder; each kind of application adds what its own templates hold."""

    def __init__(self, server, root, tables):
        """`tables`: a table per line, its name with the prefix and then its columns."""
        self.root = root
        self._server = server
        self.database = server.new_database()[0]
        for line in filter(None, tables.splitlines()):
            self.query(f"CREATE TABLE {line}")

    def query(self, sql, *params):
        return self._server.query(sql, *params, database=self.database)

    def file(self, *paths, content=b"content"):
        for path in paths:
            place = self.root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def rows(self):
        """Return a context manager: the database as a recipe is given it."""
        return packers_view(self._server.socket, self.database)


def by_name(checks):
    """Return name -> check of checks that a manifest may hold: no name twice, the front page first."""
    allowed = load_schema("manifest")["properties"]["checks"]["items"]["properties"]
    assert all(set(one) <= set(allowed) for one in checks)
    assert checks[0]["path"] == "/"
    names = [one["name"] for one in checks]
    assert len(set(names)) == len(names)
    return {one["name"]: one for one in checks}
