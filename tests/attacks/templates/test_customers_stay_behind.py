"""What customers left in a template stays behind, in tables that no list names as well."""

import pytest

from controller.bundles.residue.findings import PEOPLE, Place
from controller.bundles.review.decided_plan import decided
from controller.bundles.review.decisions import ACCEPT, BLANK, REMOVE, Decision, Decisions, choices_of
from controller.bundles.template_plan import TemplatePlan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.wordpress.database import options as wordpress_options
from controller.recipes.wordpress.database import tables
from tests.attacks.table import attack
from tests.unit.recipes.conftest import install


@pytest.fixture(scope="module")
def installed(mariadb_server, tmp_path_factory):
    """A sample shop that only this module changes."""
    return install(mariadb_server, tmp_path_factory.mktemp("people") / "public_html")


@pytest.fixture
def shop(installed):
    """The shop; the tables of a test are gone after it."""
    before = {name for (name,) in installed.query("SHOW TABLES")}
    yield installed
    for (name,) in installed.query("SHOW TABLES"):
        if name not in before:
            installed.query(f"DROP TABLE `{name}`")


class Planned:
    """What a packing of a shop makes of its tables: `plan`, `rows` of made-up tables, what is `asked` and `dropped`."""

    def __init__(self, plan, source):
        self.plan = plan
        self.report = plan.report()
        self.reported = plan.manifest()["personal_data"]
        self.findings = [one for one in plan.noticed() if one.kind == PEOPLE]
        self.asked = {one.place.table: one.shown for one in self.findings}
        self.dropped = {one["table"]: one["rows"] for one in self.report["dropped"]}
        self.rows = {table: self._rows(source, table) for table in source.tables if "made_" in table}
        self.changed = plan.changed_columns() if hasattr(plan, "used") else []

    def _rows(self, source, table):
        where = self.plan.condition(table)
        known = source.tables[table]
        return [] if where is None else [self.plan.row(known, row) for row in list(source.rows(known, where))]


@pytest.fixture
def planned(shop):
    """A function: run statements in the shop; return what packing it makes of its tables, with decisions."""

    def run(sql, entries=(), **options):
        for statement in filter(str.strip, sql.split(";\n")):
            shop.query(statement)
        with shop.source() as source:
            inner = TemplatePlan(PrestaShop().inspect(shop.root, source, PackOptions(**options)), "prestashop")
            decisions = Decisions({(one.what, one.place): one for one in entries})
            return Planned(decided(inner, decisions, source), source)

    return run


NEWER = """
CREATE TABLE ps_customer_b2b (id_customer_b2b int PRIMARY KEY, id_customer int);
INSERT INTO ps_customer_b2b VALUES (1, 2);
CREATE TABLE ps_business_entity (id_business_entity int PRIMARY KEY, name varchar(99), legal_name varchar(99));
INSERT INTO ps_business_entity VALUES (1, 'Acme', 'Acme Ltd');
CREATE TABLE ps_business_entity_customer_b2b (id_x int PRIMARY KEY, id_business_entity int, id_customer_b2b int);
INSERT INTO ps_business_entity_customer_b2b VALUES (1, 1, 1);
CREATE TABLE ps_business_entity_identifier (id_identifier int PRIMARY KEY, id_business_entity int, value varchar(99));
INSERT INTO ps_business_entity_identifier VALUES (1, 1, 'DE123456789');
CREATE TABLE ps_business_entity_address (id_x int PRIMARY KEY, id_business_entity int, id_address int);
INSERT INTO ps_business_entity_address VALUES (1, 1, 1);
UPDATE ps_address SET id_customer = 0 WHERE id_address = 1;
"""


@attack("A template of PrestaShop 9.2 sold to companies", "companies, their identifiers and addresses stay behind")
def test_companies_of_prestashop_9_2_stay_behind_with_their_addresses(planned, shop):
    made = planned(NEWER)
    for name in (
        "customer_b2b",
        "business_entity",
        "business_entity_customer_b2b",
        "business_entity_identifier",
        "business_entity_address",
    ):
        assert made.plan.condition(f"ps_{name}") is None
        assert made.dropped[f"ps_{name}"] == 1
    condition = made.plan.condition("ps_address")
    assert shop.query(f"SELECT COUNT(*) FROM ps_address WHERE ({condition}) AND id_address = 1")[0] == (0,)
    assert shop.query("SELECT COUNT(*) FROM ps_address WHERE id_customer = 0 AND id_address = 1")[0] == (1,)


@attack("A template of a newer WooCommerce has shipments and people who wait for stock; its identity is copied",
        "they stay behind, and so does the identity")  # fmt: skip
def test_what_newer_releases_of_woocommerce_and_wordpress_keep_of_people_stays_behind():
    for name in (
        "wc_order_fulfillments",
        "wc_order_fulfillment_meta",
        "wc_stock_notifications",
        "wc_stock_notificationmeta",
    ):
        assert name in tables.CUSTOMERS
    assert "wp_sync_storage" in tables.SCRAP_POSTS
    assert "'woocommerce_store_id'" in wordpress_options.CONDITION


LEADS = """
CREATE TABLE {0} (id int PRIMARY KEY, who varchar(99), email varchar(99) NOT NULL, phone varchar(40), note text);
INSERT INTO {0} VALUES (1, 'Ann', 'ann@elsewhere.test', '', 'call'), (2, 'Ben', '', '+49 30 1234567', NULL);
"""
OF_CUSTOMERS = """
CREATE TABLE {0} (id int PRIMARY KEY, mail_address varchar(99), tel varchar(40));
INSERT INTO {0} (id, mail_address) SELECT id_customer, UPPER(email) FROM ps_customer;
INSERT INTO {0} VALUES (900, 'else@where.test', '');
"""


@attack("A table that no recipe knows, with the shop's prefix or without, has rows about the shop's customers",
        "it is emptied, and the report says so")  # fmt: skip
@pytest.mark.parametrize("table", ["ps_made_log", "made_log"])
def test_a_table_with_addresses_of_customers_is_emptied_and_that_is_reported(planned, table):
    made = planned(OF_CUSTOMERS.format(table))
    assert made.rows[table] == []
    assert made.dropped[table] > 1
    assert made.asked == {}


@attack(
    "A table without the shop's prefix has the numbers of customers and orders", "its rows of customers stay behind"
)
def test_rows_of_customers_go_from_tables_without_the_prefix_too(planned):
    made = planned(
        "CREATE TABLE made_points (id int PRIMARY KEY, id_customer int, points int);\n"
        "INSERT INTO made_points VALUES (1, 2, 50), (2, 0, 10);\n"
        "CREATE TABLE made_of_orders (id int PRIMARY KEY, order_id int);\nINSERT INTO made_of_orders VALUES (1, 1);\n"
    )
    assert made.rows == {"made_points": [(b"2", b"0", b"10")], "made_of_orders": []}
    assert made.dropped["made_points"] == made.dropped["made_of_orders"] == 1


@attack("A table that no recipe knows has e-mail addresses, phone numbers or IP addresses of people",
        "packing asks what becomes of it")  # fmt: skip
@pytest.mark.parametrize("table", ["ps_made_leads", "made_leads"])
def test_a_table_of_people_is_asked_about(planned, table):
    made = planned(LEADS.format(table))
    assert made.asked == {table: "2 rows with values in email, phone"}
    (finding,) = made.findings
    assert choices_of(finding) == (REMOVE, BLANK, ACCEPT)
    assert finding.sentence().startswith(f"the table {table}: personal data, 2 rows")
    assert len(made.rows[table]) == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [("ip varchar(45)", "'192.0.2.7'"), ("ip_address int unsigned", "3221225991"), ("ip varbinary(16)", "0xC0000207"),
     ("user_mail text", "'a@elsewhere.test'"), ("mobile bigint", "491701234567"),
     ("tel varchar(20)", "'0301234567'"), ("email mediumtext", "'a@elsewhere.test'"),
     ("phone longtext", "'0301234567'"), ("email varbinary(190)", "'a@elsewhere.test'"),
     ("phone varbinary(40)", "'0301234567'"), ("mobile decimal(15,0)", "491701234567"),
     ("email varchar(250)", "'Ann A. <a@elsewhere.test>'"), ("emails text", "'a@elsewhere.test; b@elsewhere.test'")],
)  # fmt: skip
def test_each_kind_of_column_that_speaks_of_people_is_asked_about(planned, column, value):
    made = planned(
        f"CREATE TABLE made_any (id int PRIMARY KEY, {column});\nINSERT INTO made_any VALUES (1, {value});\n"
    )
    assert list(made.asked) == ["made_any"]


A_LIST = "SELECT GROUP_CONCAT(CONCAT(seq, '@elsewhere.test') SEPARATOR ', ') FROM seq_1_to_200"
A_TEXT = "SELECT CONCAT(REPEAT('Dear reader, ', 40), 'ask a@elsewhere.test', REPEAT(' or not', 99), '.')"


@pytest.mark.parametrize(("value", "is_asked"), [(A_LIST, True), (A_TEXT, False)], ids=["a list", "a text"])
def test_a_long_list_of_addresses_is_asked_about_and_a_text_that_names_one_is_not(planned, value, is_asked):
    made = planned(
        "SET SESSION group_concat_max_len = 100000;\nCREATE TABLE made_any (id int PRIMARY KEY, emails longtext);\n"
        f"INSERT INTO made_any VALUES (1, ({value}));\n"
    )
    assert list(made.asked) == (["made_any"] if is_asked else [])


def test_what_was_decided_about_a_table_of_people_holds(planned):
    place = Place("ps_made_leads")
    made = planned(LEADS.format(place.table), [Decision(PEOPLE, place, REMOVE)])
    assert (made.rows[place.table], made.asked) == ([], {})
    assert made.report["decisions"] == [{"what": PEOPLE, "decision": REMOVE, "table": place.table}]
    made = planned("", [Decision(PEOPLE, place, BLANK)])
    assert made.rows[place.table] == [(b"1", b"Ann", b"", b"", b"call"), (b"2", b"Ben", b"", None, None)]
    assert made.asked == {}
    assert made.changed == ["ps_made_leads.email", "ps_made_leads.phone"]
    made = planned("", [Decision(PEOPLE, place, ACCEPT)])
    assert len(made.rows[place.table]) == 2
    assert list(made.asked) == [place.table]


#: A table of 300 different values, of which the 250th is another.
MANY = """
CREATE TABLE {0} (id int PRIMARY KEY, {1} varchar(99));
INSERT INTO {0} SELECT seq, {2} FROM seq_1_to_300;
UPDATE {0} SET {1} = {3} WHERE id = 250;
"""
A_CUSTOMER = "(SELECT CONCAT(' ', UPPER(email)) FROM ps_customer ORDER BY id_customer DESC LIMIT 1)"
A_NUMBER = "(SELECT phone FROM ps_address WHERE id_customer > 0 AND phone > '' LIMIT 1)"


@attack("One row about a customer stands behind hundreds of others in a table that no recipe knows",
        "the database says whether any row is about a customer: the table is emptied and a report says so")  # fmt: skip
@pytest.mark.parametrize(
    ("column", "value", "one"),
    [("email", "CONCAT('desk', seq, '@template.shop.example')", A_CUSTOMER),
     ("email", "CONCAT('ann', seq, '@elsewhere.test')", A_CUSTOMER),
     ("phone", "CONCAT('extension ', seq)", A_NUMBER)],
    ids=["among the owner's", "among strangers", "phone"],
)  # fmt: skip
@pytest.mark.parametrize("table", ["ps_made_many", "made_many"])
def test_the_one_customer_among_hundreds_empties_a_table(planned, table, column, value, one):
    made = planned(MANY.format(table, column, value, one))
    assert made.rows[table] == []
    assert made.dropped[table] == 300
    assert made.asked == {}


@attack("One row about a stranger stands behind hundreds of the owner's in a table that no recipe knows",
        "packing asks what becomes of it")  # fmt: skip
@pytest.mark.parametrize(
    ("column", "value", "one"),
    [("email", "CONCAT('desk', seq, '@template.shop.example')", "'ann@elsewhere.test'"),
     ("phone", "CONCAT('extension ', seq)", "'+49 30 1234567'"),
     ("phone", "seq", "'+49 30 1234567'"),
     ("ip", "CONCAT('127.0.', seq DIV 250, '.', seq MOD 250)", "'192.0.2.7'"),
     ("ip", "CONCAT('rule ', seq)", "'2001:db8::7'")],
)  # fmt: skip
def test_the_one_stranger_among_hundreds_is_asked_about(planned, column, value, one):
    made = planned(MANY.format("made_many", column, value, one))
    assert list(made.asked) == ["made_many"]


def test_rows_that_name_no_customer_stay_and_are_reported(planned):
    made = planned(
        "CREATE TABLE made_points (id int PRIMARY KEY, id_customer int, ip varchar(40));\n"
        "INSERT INTO made_points VALUES (1, 2, ''), (2, 0, ''), (3, NULL, '127.0.0.1');\n"
        "CREATE TABLE made_gone (id int PRIMARY KEY, id_order int);\nINSERT INTO made_gone VALUES (1, 900);\n"
    )
    assert [row[0] for row in made.rows["made_points"]] == [b"2", b"3"]
    reported = [one for one in made.reported if one.startswith("made_")]
    assert reported == ["made_points: 2 rows that refer to no customer, order or visitor"]
    # What such a row tells of people besides is asked about as everywhere
    assert list(planned("UPDATE made_points SET ip = '192.0.2.9' WHERE id = 2").asked) == ["made_points"]


OWN = """
CREATE TABLE ps_made_theme (id int PRIMARY KEY, email varchar(99), phone varchar(40), send_email tinyint,
  mobile tinyint);
INSERT INTO ps_made_theme SELECT 1, value, '+49 30 7654321', 1, 1 FROM ps_configuration WHERE name = 'PS_SHOP_EMAIL';
INSERT INTO ps_configuration (name, value, date_add, date_upd)
  VALUES ('BLOCKCONTACT_TEL', '(+49) 30 765-4321', NOW(), NOW());
INSERT INTO ps_made_theme VALUES (2, 'sales@template.shop.example', '', 0, 0), (3, 'you@example.com', 'n/a', 0, 0);
CREATE TABLE ps_made_texts (id int PRIMARY KEY, email_subject varchar(99), email text, phone varchar(9),
  zip varchar(9));
INSERT INTO ps_made_texts VALUES (1, 'Hello', 'Dear customer, write to us', '', '12345');
CREATE TABLE ps_made_banned (id int PRIMARY KEY, ip varchar(40));
INSERT INTO ps_made_banned VALUES (1, '192.0.2.1');
CREATE TABLE ps_made_visits (id int PRIMARY KEY, ip varchar(40));
INSERT INTO ps_made_visits VALUES (1, '127.0.0.1'), (2, '');
"""


def test_what_is_the_shops_own_is_not_asked_about(planned):
    made = planned(OWN)
    assert made.asked == {}
    assert len(made.rows["ps_made_theme"]) == 3
    assert len(made.rows["ps_made_banned"]) == 1


def test_who_keeps_the_customers_is_not_asked(planned):
    made = planned(LEADS.format("made_leads"), keep_customers=True)
    assert made.asked == {}
    assert len(made.rows["made_leads"]) == 2
