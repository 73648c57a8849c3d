"""The columns that changes write are those of records and of tables, by name and by type."""

import pytest

from controller.db import jobs, steps, tables
from controller.db.documents import JobColumns, StepColumns

#: What records do not hold, or not in each of its forms: column -> its type where it is written.
APART = {"order": "Order | KeptOrder", "order_key": "str | None", "account_key": "str | None"}
#: What identifies a row, and is written with it alone.
IDENTITY = {"job", "name"}


def types_of(one):
    return {name: getattr(kind, "__forward_arg__", kind) for name, kind in one.__annotations__.items()}


@pytest.mark.parametrize(
    ("written", "record", "apart"), [(JobColumns, jobs.Job, APART), (StepColumns, steps.StepRow, {})]
)
def test_a_column_has_the_same_type_where_it_is_read_and_where_it_is_written(written, record, apart):
    known = {**types_of(record), **apart}
    columns = types_of(written)
    assert columns == {name: known[name] for name in columns}
    assert {*types_of(record)} - {*columns} - IDENTITY <= {"is_damaged"}


@pytest.mark.parametrize(("written", "table"), [(JobColumns, tables.jobs), (StepColumns, tables.steps)])
def test_every_column_of_the_table_may_be_written(written, table):
    assert {*types_of(written)} == {*table.c.keys()} - IDENTITY
