"""What a bundle says about itself is true: masks, late keys, collations, requirements, chunk sizes."""

import gzip
import json

import pytest

from controller.bundles.pack import chunks
from controller.bundles.residue.bundle_reader import open_bundle
from controller.bundles.source.database import schema
from shared.errors import ShoplaunchError
from shared.placeholders import token
from tests.support.shops.packing import PlainPlan, packed

NONCE = PlainPlan().nonce


@pytest.fixture
def pack_sql(docroot, tmp_path, url_of):
    """A function: pack the document root with a dump (text); return (manifest, small documents, report, chunks)."""

    def pack(sql, plan=None):
        dump = tmp_path / "shop.sql"
        dump.write_text(sql)
        target = tmp_path / "shop.bundle"
        report = packed(docroot, target, plan, dump=dump, scratch=url_of()).report
        small, data_chunks = {}, []
        with open_bundle(target) as bundle:
            for member, data in bundle.members():
                plain = gzip.decompress(data)
                if member["kind"] == "data":
                    data_chunks.append((member, plain))
                elif member["kind"] != "files":
                    small[member["kind"]] = json.loads(plain)
            return bundle.manifest, small, report, data_chunks

    return pack


def statement(sql, *params, **more):
    return {"sql": sql, "params": list(params), **more}


SETTINGS = """CREATE TABLE settings (id int NOT NULL, name varchar(50), value text, at timestamp NULL ON UPDATE
  current_timestamp(), PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO settings VALUES (1,'NAME','Old',NULL),(2,'HOST','shop.template.example',NULL),(3,'FIXED','0',NULL);
"""


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("check", [False, True], ids=["packed", "checked"])
def test_a_row_no_server_can_be_expected_to_take_is_refused_by_its_table(docroot, tmp_path, check):
    # Written in hexadecimal, bytes are twice as long
    content = "x" * (chunks.MAX_ROW_BYTES // 2)
    dump = tmp_path / "shop.sql"
    dump.write_text(f"CREATE TABLE files (id int, content longblob);\nINSERT INTO files VALUES (1,'{content}');\n")
    with pytest.raises(ShoplaunchError) as error:
        packed(docroot, tmp_path / "shop.bundle", dump=dump, check=check)
    assert error.value.code == "row_too_large"
    assert "files" in error.value.message


def test_a_filled_cell_that_does_not_read_back_is_named(pack_sql):
    class Trailing(PlainPlan):
        def row(self, table, row):
            # CHAR loses what a shop may need at its end
            return (row[0], row[1].replace(self.domain, self.token + b" "))

    with pytest.raises(ShoplaunchError) as error:
        pack_sql(
            "CREATE TABLE hosts (id int NOT NULL, host char(90), PRIMARY KEY (id));\n"
            "INSERT INTO hosts VALUES (1,'shop.template.example');\n",
            Trailing(),
        )
    assert error.value.code == "proof_cell"
    assert "hosts.host" in error.value.message


def test_what_configure_statements_and_the_clock_change_is_masked(pack_sql):
    plan = PlainPlan()
    plan.statements = [
        statement("UPDATE settings SET value=%s WHERE id=1", token(NONCE, "shop.name").decode(), min_rows=1, max_rows=1,
                  check={"sql": "SELECT value FROM settings WHERE id=%s", "params": ["1"],
                         "expect": [token(NONCE, "shop.name").decode()]}),
        statement("UPDATE settings SET value='1' WHERE id=3"),
    ]  # fmt: skip
    manifest, small, report, _ = pack_sql(SETTINGS, plan)
    assert report["masked_cells"] == {"settings.value": 2, "settings.at": 2}
    assert manifest["values"] == ["domain", "shop.name"]
    assert [cells["sql"] for cells in small["cells"]] == [
        "SELECT `value` FROM `settings` WHERE `id` IN (2) ORDER BY `id`"
    ]


def test_a_filled_cell_that_configure_overwrites_is_not_read_back(pack_sql):
    plan = PlainPlan()
    plan.statements = [statement("UPDATE settings SET value='other' WHERE id=2")]
    _, small, _, _ = pack_sql(SETTINGS, plan)
    assert small["cells"] == []


@pytest.mark.parametrize(
    "bad",
    [
        statement("UPDATE settings SET value='x' WHERE id=99", min_rows=1),
        statement("UPDATE settings SET value='x'", max_rows=1),
        # The agent counts the rows it finds, and of two that are found only one is changed here
        statement("UPDATE settings SET value=(SELECT value FROM (SELECT * FROM settings) AS s WHERE id=1) WHERE id<3",
                  max_rows=1),
        statement("UPDATE absent SET a=1"),
        statement("UPDATE settings SET value='x' WHERE id=1",
                  check={"sql": "SELECT value FROM settings WHERE id=1", "params": [], "expect": ["y"]}),
    ],
)  # fmt: skip
def test_a_configure_statement_that_does_not_do_what_it_says_is_refused(pack_sql, bad):
    plan = PlainPlan()
    plan.statements = [bad]
    with pytest.raises(ShoplaunchError) as error:
        pack_sql(SETTINGS, plan)
    assert error.value.code == "configure_failed"


def test_what_a_statement_promises_must_hold_after_all_of_them_as_the_agent_looks(pack_sql):
    plan = PlainPlan()
    read = {"sql": "SELECT value FROM settings WHERE id=1", "params": [], "expect": ["x"]}
    plan.statements = [
        statement("UPDATE settings SET value='x' WHERE id=1", check=read),
        statement("UPDATE settings SET value='y' WHERE id=1"),
    ]
    with pytest.raises(ShoplaunchError) as error:
        pack_sql(SETTINGS, plan)
    assert error.value.code == "configure_failed" and "statement 1" in error.value.message


def test_a_configure_statement_that_finds_its_row_as_it_shall_be_counts_it_as_the_agent_does(pack_sql):
    plan = PlainPlan()
    plan.statements = [statement("UPDATE settings SET value=value WHERE id=1", min_rows=1, max_rows=1)]
    manifest, _, _, _ = pack_sql(SETTINGS, plan)
    assert manifest["tables"][0]["name"] == "settings"


def test_filled_cells_of_a_table_without_key_are_reported_and_left_out_of_the_digest(pack_sql):
    manifest, small, report, _ = pack_sql(
        "CREATE TABLE t (a int, b text) ENGINE=InnoDB;\nINSERT INTO t VALUES (1,'http://shop.template.example');\n"
    )
    assert report["tables_without_key"] == ["t"]
    assert report["columns_without_digest"] == ["t.b"]
    assert small["cells"] == []
    assert manifest["tables"][0]["rows"] == 1


def test_a_value_that_does_not_fit_once_filled_is_noticed(pack_sql):
    with pytest.raises(ShoplaunchError) as error:
        pack_sql(
            "CREATE TABLE t (a int NOT NULL, b varchar(21), PRIMARY KEY (a)) ENGINE=InnoDB;\n"
            "INSERT INTO t VALUES (1,'shop.template.example');\n"
        )
    assert error.value.code == "db_data_error"


def test_an_emptied_table_starts_to_count_anew_and_is_reported(pack_sql):
    sql = (
        "CREATE TABLE t (a int NOT NULL AUTO_INCREMENT, PRIMARY KEY (a)) ENGINE=InnoDB AUTO_INCREMENT=77;\n"
        "INSERT INTO t VALUES (5),(6);\n" + SETTINGS
    )
    manifest, small, report, _ = pack_sql(sql, PlainPlan(empty={"t"}))
    assert report["emptied_tables"] == {"t": 2}
    assert {table["name"]: table["rows"] for table in manifest["tables"]} == {"settings": 3, "t": 0}
    assert "AUTO_INCREMENT=" not in next(table["create"] for table in small["tables"] if table["name"] == "t")


def test_rows_that_are_left_out_are_not_in_the_bundle(pack_sql):
    manifest, _, _, chunks = pack_sql(SETTINGS, PlainPlan(where={"settings": "id <> 3"}))
    assert manifest["tables"][0]["rows"] == 2
    assert b"FIXED" not in b"".join(data for _, data in chunks)


def test_chunks_and_statements_keep_their_limits(pack_sql):
    rows = ",".join(f"({number},'{'x' * 700}')" for number in range(4000))
    manifest, _, _, chunks = pack_sql(
        "CREATE TABLE big (a int NOT NULL, b longtext, PRIMARY KEY (a)) ENGINE=InnoDB;\n"
        f"INSERT INTO big VALUES {rows};\nINSERT INTO big VALUES (9999, '{'y' * 2_000_000}');\n"
    )
    assert sum(member["rows"] for member, _ in chunks) == 4001
    for member, data in chunks:
        lines = data.rstrip(b"\n").split(b"\n")
        assert len(data) == member["unpacked"]
        assert len(data) <= 1 << 20 or len(lines) == 1
        assert all(len(line) <= 1 << 18 for line in lines) or len(lines) == 1
        assert member["table"] == "big"
    assert manifest["requirements"]["max_statement_bytes"] > 2_000_000
    assert manifest["requirements"]["max_row_bytes"] > 2_000_000


def test_secondary_keys_of_a_large_table_come_after_its_rows(pack_sql, monkeypatch):
    monkeypatch.setattr(schema, "LATE_INDEX_ROWS", 2)
    _, small, _, _ = pack_sql(
        "CREATE TABLE t (n int NOT NULL, id int NOT NULL AUTO_INCREMENT, a text, b int, u int, KEY counter (id),"
        " KEY `odd``name` (b), KEY a (a(10)), UNIQUE KEY u (u), FULLTEXT KEY f (a), PRIMARY KEY (n)) ENGINE=InnoDB;\n"
        "INSERT INTO t VALUES (1,1,'x',1,1),(2,2,'x',1,2),(3,3,'x',1,3);\n"
    )
    (table,) = small["tables"]
    assert table["late"] == [
        "ALTER TABLE `t` ADD KEY `odd``name` (`b`), ADD KEY `a` (`a`(10))",
        "ALTER TABLE `t` ADD FULLTEXT KEY `f` (`a`)",
    ]
    assert table["late_index"] == ["odd`name", "f"]
    for kept in ("KEY `counter`", "UNIQUE KEY `u`", "PRIMARY KEY"):
        assert kept in table["create"]


def test_keys_that_foreign_keys_need_stay_and_the_foreign_keys_come_last(pack_sql, monkeypatch):
    monkeypatch.setattr(schema, "LATE_INDEX_ROWS", 0)
    _, small, _, _ = pack_sql(
        "CREATE TABLE p (a int NOT NULL, b int, PRIMARY KEY (a), KEY b (b)) ENGINE=InnoDB;\n"
        "CREATE TABLE c (a int NOT NULL, b int, PRIMARY KEY (a), KEY b (b),"
        " CONSTRAINT c_p FOREIGN KEY (b) REFERENCES p (b)) ENGINE=InnoDB;\n"
        "INSERT INTO p VALUES (1,1),(2,2);\nINSERT INTO c VALUES (1,1),(2,2);\n"
    )
    child, parent = small["tables"]
    assert child["late"] == parent["late"] == []
    assert "KEY `b` (`b`)" in child["create"] and "KEY `b` (`b`)" in parent["create"]
    assert "FOREIGN KEY" not in child["create"]
    assert child["foreign_keys"] == [
        ["c_p", "ALTER TABLE `c` ADD CONSTRAINT `c_p` FOREIGN KEY (`b`) REFERENCES `p` (`b`)"]
    ]


def test_a_collation_under_which_two_keys_would_be_one_is_no_fallback(pack_sql):
    manifest, _, report, _ = pack_sql(
        "CREATE TABLE t (a varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_ci NOT NULL, PRIMARY KEY (a))"
        " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;\n"
        "CREATE TABLE n (a varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci NOT NULL,"
        " PRIMARY KEY (a)) ENGINE=InnoDB;\n"
        "INSERT INTO t VALUES ('e'),('é');\nINSERT INTO n VALUES ('x'),('x ');\n"
    )
    assert manifest["collations"]["utf8mb4_uca1400_as_ci"] == ["utf8mb4_bin"]
    assert manifest["collations"]["utf8mb4_uca1400_ai_ci"][0] == "utf8mb4_unicode_520_ci"
    assert manifest["collations"]["utf8mb4_uca1400_nopad_ai_ci"] == []
    assert "utf8mb4_uca1400_nopad_ai_ci -> utf8mb4_general_ci" in report["collation_fallbacks_refused"]


def test_a_counter_that_is_no_first_column_gets_a_key_of_its_own(pack_sql):
    _, small, report, _ = pack_sql(
        "CREATE TABLE t (g varchar(5) NOT NULL, n int NOT NULL AUTO_INCREMENT, PRIMARY KEY (g,n)) ENGINE=MyISAM;\n"
        "INSERT INTO t VALUES ('a',1),('a',2),('b',1);\n"
    )
    assert report["converted_tables"] == {"t": "MyISAM"}
    assert "KEY `shoplaunch_counter` (`n`)" in small["tables"][0]["create"]


def test_the_longest_key_is_measured_in_bytes(pack_sql):
    manifest, _, _, _ = pack_sql(
        "CREATE TABLE t (a int NOT NULL, b varchar(255), c text, PRIMARY KEY (a), KEY b (b), KEY c (c(300)))"
        " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
    )
    assert manifest["requirements"]["longest_key_bytes"] == 1200


def test_objects_that_need_a_privilege_of_their_own_are_listed(pack_sql):
    tables = (
        "CREATE TABLE p (a int NOT NULL, PRIMARY KEY (a)) ENGINE=InnoDB;\n"
        "CREATE TABLE c (a int NOT NULL, PRIMARY KEY (a){}) ENGINE=InnoDB;\n"
    )
    plain = pack_sql(tables.format(""))[0]
    assert plain["requirements"]["objects"] == []
    rich = pack_sql(
        tables.format(", CONSTRAINT c_p FOREIGN KEY (a) REFERENCES p (a)")
        + "CREATE VIEW seen AS SELECT a FROM p;\nCREATE TRIGGER t BEFORE INSERT ON c FOR EACH ROW SET NEW.a = 1;\n"
        "CREATE PROCEDURE nothing() SELECT 1;\n"
    )[0]
    assert rich["requirements"]["objects"] == ["foreign_key", "procedure", "trigger", "view"]


def test_tables_views_and_routines_of_other_accounts_lose_their_definer(pack_sql):
    _, small, _, _ = pack_sql(
        SETTINGS + "/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`gone`@`10.0.0.1` SQL SECURITY DEFINER */"
        " /*!50001 VIEW v AS SELECT id FROM settings */;\n"
        "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`gone`@`10.0.0.1`*/ /*!50003 TRIGGER g BEFORE INSERT ON"
        " settings FOR EACH ROW BEGIN SET NEW.name = NEW.name; END */;;\nDELIMITER ;\n"
    )
    assert [(one["kind"], one["name"]) for one in small["routines"]] == [("view", "v"), ("trigger", "g")]
    assert not any("DEFINER=" in one["create"] for one in small["routines"])


COUNTED = """CREATE TABLE orders (id int NOT NULL AUTO_INCREMENT, PRIMARY KEY (id)) ENGINE=InnoDB AUTO_INCREMENT=38;
INSERT INTO orders VALUES (36),(37);
CREATE TABLE guests (id int NOT NULL AUTO_INCREMENT, PRIMARY KEY (id)) ENGINE=InnoDB AUTO_INCREMENT=12;
INSERT INTO guests VALUES (11);
CREATE TABLE notes (id int NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO notes VALUES (1),(2),(3);
"""


def test_an_emptied_table_goes_on_counting_only_where_the_recipe_says_so(pack_sql):
    plan = PlainPlan(empty=("orders", "guests"))
    plan.going_on = {"orders"}
    _, small, _, _ = pack_sql(COUNTED, plan)
    made = {table["name"]: table["create"] for table in small["tables"]}
    assert "AUTO_INCREMENT=38" in made["orders"]
    assert "AUTO_INCREMENT=" not in made["guests"]


def test_rows_of_the_template_and_of_the_bundle_are_reported_table_by_table_and_not_carried_along(pack_sql):
    manifest, _, report, _ = pack_sql(COUNTED, PlainPlan(empty=("orders",), where={"notes": "id > 1"}))
    assert report["rows_compared"] == {"guests": [1, 1], "notes": [3, 2], "orders": [2, 0]}
    assert "rows_compared" not in manifest["report"]
