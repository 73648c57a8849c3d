"""Which of a WordPress's pages are visited, asked of a real server."""

from types import SimpleNamespace

import pytest

from controller.recipes.wordpress_database import Database

NEEDED = ("options", "users", "usermeta", "posts", "postmeta")


class Posts:
    """A table of posts in a database of its own."""

    def __init__(self, server):
        self.server = server
        self.name = server.new_database()[0]
        self.query(
            "CREATE TABLE wp_posts (ID BIGINT PRIMARY KEY, post_type VARCHAR(20), post_name VARCHAR(200),"
            " post_parent BIGINT, post_status VARCHAR(20) DEFAULT 'publish', post_password VARCHAR(20) DEFAULT '')"
            " CHARSET utf8mb4"
        )

    def query(self, sql, *params):
        return self.server.query(sql, *params, database=self.name)

    def pages(self, *rows):
        """Return (number, kind) of the pages to visit among rows of (number, kind, name, parent)."""
        self.query("DELETE FROM wp_posts")
        for row in rows:
            self.query("INSERT INTO wp_posts (ID, post_type, post_name, post_parent) VALUES (%s, %s, %s, %s)", *row)
        tables = {f"wp_{name}": SimpleNamespace(columns=[], key=()) for name in NEEDED}
        answer = lambda sql, params=(): [tuple(str(cell).encode() for cell in row) for row in self.query(sql)]  # noqa: E731
        found = Database(SimpleNamespace(tables=tables, query=answer), "wp_").pages()
        return [(page.number, page.kind) for page in found]


@pytest.fixture(scope="module")
def posts(mariadb_server):
    return Posts(mariadb_server)


def test_the_oldest_of_each_kind_is_visited(posts):
    rows = [
        (9, "page", "about", 0),
        (4, "page", "tea", 0),
        (7, "product", "%da%86%d8%a7%db%8c", 0),
        (8, "post", "a", 0),
    ]
    assert posts.pages(*rows) == [(4, "page"), (8, "post"), (7, "product")]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_what_wordpress_itself_does_not_find_by_its_name_is_not_visited(posts, charset):
    # The installer writes the first names as its translators did; every later one is percent-encoded
    raw = "برگه-نمونه".encode()
    posts.query("DELETE FROM wp_posts")
    posts.query(f"ALTER TABLE wp_posts CONVERT TO CHARACTER SET {charset}")
    assert posts.pages((2, "page", raw, 0), (3, "page", "below", 2), (5, "page", "contact", 0)) == [(5, "page")]
    assert posts.pages((2, "page", raw, 0)) == []
