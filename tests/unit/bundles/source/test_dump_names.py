"""A dump of very many names is examined in linear time and little memory, and refused where each would be kept."""

import tracemalloc

import pytest

from controller.bundles.source.dumps import dump, sql_judge
from controller.bundles.source.dumps.splitter import Statement
from shared.errors import ShoplaunchError

FORMS = {
    "tables": "CREATE TABLE t{} (a int);\n",
    "tables of one name": "USE d{};\nCREATE TABLE t (a int);\n",
    "databases": "CREATE DATABASE d{};\n",
    "rows": "INSERT INTO t{} VALUES ('\U0001f6d2');\n",
}


class Compared(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    count = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Compared.count += 1
        return str.__eq__(self, other)


def written(tmp_path, form, count):
    path = tmp_path / "shop.sql"
    shop = [f"CREATE TABLE ps_{name} (a int);\n" for name in ("configuration", "employee", "shop", "lang")]
    path.write_text("SET NAMES utf8mb4;\n" + "".join([*shop, *map(form.format, range(count))]), "utf-8")
    return path


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_name_is_not_compared_with_every_other(tmp_path, monkeypatch, form):
    unquoted = dump._unquoted
    monkeypatch.setattr(dump, "_unquoted", lambda name: Compared(unquoted(name)))
    monkeypatch.setattr(Compared, "count", 0)
    dump.examine(written(tmp_path, form, 300))
    assert Compared.count < 10 * 300


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_more_names_than_are_kept_are_refused(tmp_path, monkeypatch, form):
    monkeypatch.setattr(dump, "_MAX_NAMES", 100, raising=False)
    with pytest.raises(ShoplaunchError, match="more than 100 tables and databases") as refused:
        dump.examine(written(tmp_path, form, 101))
    assert refused.value.code == "dump_failed"


def test_a_name_that_comes_again_is_counted_once(tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "_MAX_NAMES", 5, raising=False)
    facts = dump.examine(written(tmp_path, "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n", 50))
    assert facts.tables == ["ps_configuration", "ps_employee", "ps_shop", "ps_lang", "t"]


def test_a_drop_of_very_many_names_is_judged_in_little_memory():
    text = b"DROP TABLE IF EXISTS a" + b",a" * 200_000
    tracemalloc.start()
    try:
        sql_judge.judge(Statement(text, 0, len(text)), "drop")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024


@pytest.mark.parametrize("end", ["", " CASCADE", " restrict ", " , `b` CASCADE"])
def test_a_drop_of_several_names_is_accepted(end):
    text = f"DROP TABLE IF EXISTS a , `b``c`,d{end}".encode()
    sql_judge.judge(Statement(text, 0, len(text)), "drop")
