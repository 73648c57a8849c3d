"""Answers read without a look at their columns: the same bytes as the client's library reads, an error where one comes,
and nothing is believed of a connection that breaks off."""

import io
import itertools
import socket
import struct
import types

import pymysql
import pytest

from agent.base.deadline_socket import Exchange
from agent.database import access
from agent.database.connection import OurConnection
from tests.support.error_codes import error_code

#: Around what a length takes one, two, three and more bytes, and a packet can hold.
SIZES = (0, 1, 250, 251, 252, 65535, 65536, (1 << 24) - 13, (1 << 24) - 12, (1 << 24) - 11, (1 << 24) - 1, 1 << 24)


@pytest.fixture
def connection(mariadb_server):
    name, user, password = mariadb_server.new_database()
    made = access.connect(
        {"db.name": name, "db.user": user, "db.password": password, "db.socket": mariadb_server.socket}
    )
    yield made
    access.close(made)
    mariadb_server.drop_database(name)


@pytest.mark.parametrize("size", SIZES)
def test_values_of_every_size_come_whole(connection, size):
    assert access.raw(connection, f"SELECT 1, REPEAT('x', {size}), NULL, '', 2") == [
        (b"1", b"x" * size, None, b"", b"2")
    ]


def test_rows_are_those_the_library_reads(connection, mariadb_server):
    statement = (
        "SELECT seq, IF(seq % 3, NULL, seq / 7), REPEAT(CHAR(seq % 256 USING latin1), seq % 400), UNHEX(MD5(seq)),"
        " CAST('1999-00-00' AS DATE) FROM seq_1_to_3000 ORDER BY seq"
    )
    plain = mariadb_server.root_connection(connection.db.decode())
    plain.decoders, plain.use_unicode = {}, False
    plain.query("SET NAMES utf8mb4")
    with plain.cursor() as cursor:
        cursor.execute(statement)
        assert access.raw(connection, statement) == list(cursor.fetchall())
    plain.close()


def test_no_rows_are_an_empty_list(connection):
    assert access.raw(connection, "SELECT 1, 2 FROM DUAL WHERE 1 = 0") == []


def test_parameters_are_filled_and_without_any_a_percent_sign_is_just_that(connection):
    assert access.raw(connection, "SELECT %s, %s", ("a'b", "100%")) == [(b"a'b", b"100%")]
    assert access.raw(connection, "SELECT 'a%s'") == [(b"a%s",)]


def test_an_error_before_the_first_row_and_one_behind_it_are_reported_and_the_connection_goes_on(connection):
    assert error_code(lambda: access.raw(connection, "SELECT nothing FROM nowhere")) == "db_data_error"
    connection.query("SET SESSION max_statement_time=0.2")
    slow = "SELECT seq, SLEEP(seq > 2000) FROM seq_1_to_2500"
    assert error_code(lambda: access.raw(connection, slow)) == "db_error"
    assert access.raw(connection, "SELECT 1") == [(b"1",)]


def test_a_statement_that_is_no_query_has_no_rows_and_is_not_waited_for(connection):
    assert access.raw(connection, "DO 1") == []
    assert access.raw(connection, "SELECT 1") == [(b"1",)]


def test_a_connection_that_is_killed_meanwhile_is_unreachable(connection, mariadb_server):
    mariadb_server.query(f"KILL {connection.thread_id()}")
    assert error_code(lambda: access.raw(connection, "SELECT 1")) == "db_unreachable"


def packets(*payloads, first=1):
    """Return what a server sends: each payload with its length and number."""
    sent = b""
    for number, payload in zip(itertools.count(first), payloads, strict=False):
        sent += struct.pack("<I", len(payload) | (number % 256) << 24) + payload
    return sent


END = b"\xfe\0\0\2\0"


def answered(data):
    """Return what is read where the server answers a first statement with `data` (bytes) and closes."""
    made = OurConnection(defer_connect=True)
    made._sock, made._rfile = types.SimpleNamespace(settimeout=lambda _: None, close=lambda: None), io.BytesIO(data)
    # Newer libraries than the agent's keep the first in mind
    made._current_timeout, made._next_seq_id = None, 1
    made._execute_command = lambda *_: None
    rows = made.texts(b"SELECT 1")
    assert made._rfile.read() == b""
    return rows


def test_what_a_server_sends_is_taken_apart():
    assert answered(packets(b"\2", b"column", b"column", END, b"\1a\xfb", b"\xfc\2\0bb\0", END)) == [
        (b"a", None),
        (b"bb", b""),
    ]


def test_numbers_of_packets_begin_anew_after_the_last_one():
    rows = [b"\1%c" % (65 + number % 26) for number in range(600)]
    assert answered(packets(b"\1", b"column", END, *rows, END)) == [(row[1:],) for row in rows]


WHOLE = packets(b"\1", b"column", END, b"\5whole", END)


def test_an_answer_that_breaks_off_anywhere_is_a_lost_connection():
    assert answered(WHOLE) == [(b"whole",)]
    for size in range(len(WHOLE)):
        with pytest.raises(pymysql.err.OperationalError) as failure:
            answered(WHOLE[:size])
        assert failure.value.args[0] == 2013


@pytest.mark.parametrize(
    "wrong",
    [
        packets(b"\1", b"column", END) + packets(b"\5whole", END, first=5),
        packets(b"\1", b"column", END, b"", END),
        packets(b"\1", b""),
        packets(b"\1", b"column", END, b"\7whole", END),
        packets(b"\1", b"column", END, b"\4whole", END),
        packets(b"\2", b"column", b"column", END, b"\5whole", END),
        packets(b"\1", b"column", END, b"\xfd\1", END),
    ],
    ids=[
        "one is missing", "an empty row", "an empty column", "longer than its row",
        "shorter than its row", "a column is missing", "a length breaks off",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_right_is_a_lost_connection_too(wrong):
    with pytest.raises(pymysql.err.Error) as failure:
        answered(wrong)
    assert access.as_database_failure(failure.value).code == "db_unreachable"


def test_a_server_that_asks_for_a_local_file_gets_none():
    assert error_code(lambda: answered(packets(b"\xfb/etc/passwd", END))) == "db_asks_for_files"


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(TimeoutError("timed out"), pymysql.err.OperationalError), (MemoryError("no"), MemoryError)],
)
def test_over_a_line_on_which_something_failed_nobody_goes_on(problem, expected):
    made = OurConnection(defer_connect=True)
    made._next_seq_id = 1

    def read(_size):
        raise problem

    made._rfile = types.SimpleNamespace(read=read, close=lambda: None)
    made._sock = types.SimpleNamespace(close=lambda: None)
    with pytest.raises(expected, match=str(problem)):
        next(made._packets())
    assert not made.open


def test_a_statement_that_cannot_be_sent_is_unreachable_and_closes_the_connection(connection):
    # By us alone: the server's own end is as it was
    connection._sock.shutdown(socket.SHUT_WR)
    for _ in range(2):
        assert error_code(lambda: access.run(connection, "SELECT 1")) == "db_unreachable"
        assert not connection.open


@pytest.mark.parametrize("ask", [access.run, access.change, access.raw])
def test_a_server_that_falls_silent_is_unreachable_when_its_time_is_over(connection, ask):
    connection._sock.settimeout(0.2)
    assert error_code(lambda: ask(connection, "DO SLEEP(30)")) == "db_unreachable"
    assert not connection.open


def test_a_server_that_never_says_anything_is_not_waited_for_for_ever():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = socket.create_connection(silent.getsockname())
        made = OurConnection(defer_connect=True, user="u", password="p", read_timeout=3600)
        with pytest.raises(pymysql.err.OperationalError):
            made.log_in(found, Exchange(0.2, 0.2), proven=True)
        assert found.fileno() == -1


@pytest.mark.parametrize(
    "greeting",
    [b"", b"\x0a", b"\x0a8.0\0", b"\x0anone\0" + bytes(60), b"\x0a\xff\0" + b"\xff" * 60, b"\x0a8.0\0" + b"\xff" * 60],
)
def test_what_is_no_greeting_is_a_lost_connection(greeting):
    ours, other = socket.socketpair()
    other.sendall(packets(greeting, b"\xfe\xff", b"\0", first=0))
    other.shutdown(socket.SHUT_WR)
    made = OurConnection(defer_connect=True, user="u", password="p", read_timeout=3600, ssl_disabled=True)
    with pytest.raises(pymysql.err.OperationalError) as failure:
        made.log_in(ours, Exchange(60, 60), proven=True)
    assert access.as_database_failure(failure.value).code == "db_unreachable"
    other.close()


def test_what_goes_wrong_late_in_a_procedure_is_that_statements_error(connection):
    access.run(connection, "CREATE PROCEDURE good() BEGIN SELECT 1; SELECT 2; END")
    access.run(
        connection, "CREATE PROCEDURE bad() BEGIN SELECT 1; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='late'; END"
    )
    assert access.run(connection, "CALL good()") == ((1,),)
    assert access.run(connection, "SELECT 3") == ((3,),)
    for ask in (access.run, access.change):
        assert error_code(lambda ask=ask: ask(connection, "CALL bad()")) == "db_data_error"
    assert access.run(connection, "SELECT 3") == ((3,),)
