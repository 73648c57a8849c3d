"""Statements of WordPress's recipe, run on a real server as the agent runs them."""

from types import SimpleNamespace

import pytest

from controller.recipes.own_tables import Administrator
from controller.recipes.wordpress.database.statements import Statements
from shared.placeholders import Renderer

NONCE = "1a2b3c4d"
VALUES = {
    "shop.url": "http://new.site.test", "shop.name": "Tea", "shop.email": "ann@new.test", "shop.language": "fa",
    "shop.country": "IR", "shop.time_zone": "", "shop.currency": "",
}  # fmt: skip


class Options:
    """A table of options in a database of its own."""

    def __init__(self, server):
        self.server = server
        self.name = server.new_database()[0]
        self.query(
            "CREATE TABLE wp_options (option_id BIGINT PRIMARY KEY, option_name VARCHAR(191) UNIQUE,"
            " option_value LONGTEXT, autoload VARCHAR(20))"
        )

    def query(self, sql, *params):
        return self.server.query(sql, *params, database=self.name)

    def configured(self, **options):
        """Run the statements over a table with these options; return name -> value."""
        self.query("DELETE FROM wp_options")
        for number, (name, value) in enumerate(options.items(), 1):
            self.query("INSERT INTO wp_options VALUES (%s, %s, %s, 'yes')", number, name, value)
        known = SimpleNamespace(options=lambda: options, tables={"options": "wp_options", "users": "wp_users"})
        statements = Statements(
            known, Administrator(1, "boss@template.example"), None, {"en": "", "fa": "fa_IR"}, NONCE
        )
        for _ in range(2):
            for statement in statements.configure():
                self.query(statement["sql"], *map(filled, statement["params"]))
                if "check" in statement:
                    check = statement["check"]
                    [row] = self.query(check["sql"], *map(filled, check["params"]))
                    assert [str(cell) for cell in row] == list(map(filled, check["expect"]))
        return dict(self.query("SELECT option_name, option_value FROM wp_options"))


def filled(template):
    return Renderer(NONCE, VALUES).render(template.encode()).decode()


@pytest.fixture(scope="module")
def table(mariadb_server):
    return Options(mariadb_server)


def test_options_a_site_must_have_are_added_and_those_of_the_order_set(table):
    found = table.configured(siteurl="@@kept@@")
    assert found["siteurl"] == "@@kept@@" and found["home"] == "http://new.site.test"
    assert (found["WPLANG"], found["timezone_string"], found["blogname"]) == ("fa_IR", "Asia/Tehran", "Tea")
