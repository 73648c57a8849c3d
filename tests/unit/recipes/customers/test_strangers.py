"""Addresses of others that stay in a bundle are named by table and column, without being shown."""

from types import SimpleNamespace

from controller.recipes.customers import unknown_tables


class Database:
    """Answers every query with the rows of the table it names."""

    def __init__(self, **tables):
        self.asked = []
        self._rows = {name: rows for name, (_, rows) in tables.items()}
        self.tables = {
            name: SimpleNamespace(
                columns=[SimpleNamespace(name=one, kind=kind, characters=length) for one, kind, length in columns]
            )
            for name, (columns, _) in tables.items()
        }

    def query(self, sql, params=()):
        self.asked.append(sql)
        return next(rows for name, rows in self._rows.items() if f"`{name}`" in sql)


STORE = ([("name", "varchar", 64), ("email", "varchar", 255)], [(b"Main", b"ann@elsewhere.example")])


def test_a_column_with_strangers_addresses_is_named_and_no_address_is_shown():
    found = unknown_tables.places(Database(ps_store=STORE), ["ps_store"], lambda table: "", set())
    assert found == ["ps_store.email: 1 e-mail addresses of others"]


def test_the_owners_own_addresses_and_those_at_the_shops_host_are_no_strangers():
    rows = [(b"a", b"Owner@Mail.example"), (b"b", b"sales@shop.example"), (b"c", b"someone@example.com")]
    database = Database(ps_store=(STORE[0], rows))
    own = {"owner@mail.example", "shop.example"}
    assert unknown_tables.places(database, ["ps_store"], lambda table: "", own) == []


def test_rows_that_are_left_out_are_not_looked_at_and_the_others_up_to_a_limit():
    database = Database(ps_store=STORE, ps_gone=STORE, ps_long=([("text", "longtext", 4294967295)], []))
    conditions = {"ps_store": "`id` > 1", "ps_gone": None, "ps_long": ""}
    unknown_tables.places(database, list(conditions), conditions.get, set())
    (asked,) = database.asked
    assert "WHERE `id` > 1 LIMIT 50000" in asked and asked.endswith("LIMIT 200")


def test_a_text_that_only_mentions_an_address_is_none():
    database = Database(ps_store=(STORE[0], [(b"x", b"write to ann@elsewhere.example today")]))
    assert unknown_tables.places(database, ["ps_store"], lambda table: "", set()) == []


def test_settings_that_hold_addresses_of_others_are_named_whatever_their_form():
    values = [
        ("a_mailer", b'a:1:{s:10:"from_email";s:17:"bob@others.test-x";s:3:"cc";s:14:"bob@others.shop";}'),
        ("b_json", b'{"to":["eve@others.shop"]}'), ("c_own", b"owner@shop.example, info@own.shop"),
        ("d_example", b"you@example.com"), ("e_media", b"@media (max-width: 3em) { a@b }"),
        ("f_plain", b"eve@others.shop"),
    ]  # fmt: skip
    assert unknown_tables.names_of_values(values, {"owner@shop.example", "own.shop"}) == [
        "a_mailer",
        "b_json",
        "f_plain",
    ]
