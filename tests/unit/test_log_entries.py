"""The log's entries: one line each, and below it an error's traceback, of which no line passes for an entry."""

import io
import json
import logging
import threading

import pytest
import sqlalchemy as sa

from controller import log_entries
from controller.db import migrate
from controller.db.connection.engine import make_engine
from controller.log_entries import FORMAT, EntryFormatter, JsonFormatter
from controller.telemetry.job_at_hand import as_here, working_on

ENTRY = "2027-01-15 08:00:00,000 CRITICAL root: forged"
WORDS = f"x\n{ENTRY}\r{ENTRY}\x85{ENTRY}\u2028{ENTRY}\u2029{ENTRY}\x1b[2J\x9b31m\u202e"
NEVER = set("\r\x85\u2028\u2029\x1b\x9b\u202e")


@pytest.fixture
def logged():
    """(A logger, what returns its lines)."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EntryFormatter(FORMAT))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, lambda: stream.getvalue().splitlines()


def harmless(lines):
    assert not [line for line in lines if line.startswith(ENTRY)]
    assert not set("".join(lines)) & NEVER
    return lines


def raised(make):
    try:
        make()
    except BaseException as error:  # noqa: BLE001 - to be logged
        return error
    raise AssertionError


def test_a_message_is_one_line(logged):
    logger, lines = logged
    logger.warning("of %s", WORDS)
    logger.warning(WORDS)
    assert len(harmless(lines())) == 2
    assert f"of x\\n{ENTRY}\\r{ENTRY}\\x85" in lines()[0]


def plain():
    raise RuntimeError(WORDS)


def noted():
    error = RuntimeError("noted")
    error.add_note(WORDS)
    raise error


def caused():
    try:
        plain()
    except RuntimeError as error:
        raise KeyError(WORDS) from error


def meanwhile():
    try:
        plain()
    except RuntimeError:
        raise OSError(5, WORDS, WORDS)


def several():
    raise ExceptionGroup(WORDS, [raised(plain), ExceptionGroup("inner", [raised(caused)])])


def syntax():
    raise SyntaxError(WORDS, (WORDS, 1, 1, WORDS))


@pytest.mark.parametrize("make", [plain, noted, caused, meanwhile, several, syntax])
def test_an_errors_text_begins_no_line(logged, make):
    logger, lines = logged
    error = raised(make)
    logger.error("trouble", exc_info=error)
    found = harmless(lines())
    assert found[1] == "Traceback (most recent call last):"
    assert f", in {make.__name__}" in "\n".join(found)


def test_a_traceback_keeps_its_lines_and_its_chain(logged):
    logger, lines = logged
    logger.error("trouble", exc_info=raised(caused))
    found = lines()
    kinds = [line.partition(":")[0] for line in found if line.startswith(("RuntimeError: x", "KeyError: "))]
    assert kinds == ["RuntimeError", "KeyError"]
    assert "The above exception was the direct cause of the following exception:" in found
    assert sum(line.startswith("Traceback") for line in found) == 2


def test_what_another_formatter_made_of_the_error_is_not_used(logged):
    logger, lines = logged
    other = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, other)
    logger.error("trouble", exc_info=raised(plain))
    harmless(lines())


def test_an_error_without_one_is_no_trouble(logged):
    logger, lines = logged
    logger.error("none", exc_info=True)
    assert lines()[1] == "NoneType: None"


def test_how_a_thread_ends_is_an_entry(logged, monkeypatch):
    logger, lines = logged
    monkeypatch.setattr(log_entries, "LOG", logger)
    monkeypatch.setattr(threading, "excepthook", log_entries._thread_ended)
    thread = threading.Thread(target=plain, name="step")
    thread.start()
    thread.join()
    assert "thread step has ended" in harmless(lines())[0]


def in_json():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("make", [plain, noted, caused])
def test_in_json_an_entry_is_one_line_whatever_it_quotes(make):
    logger, entries = in_json()
    logger.warning("of %s", WORDS, exc_info=raised(make))
    logger.warning('", "job": "another', extra={})
    first, second = entries()
    assert (
        first["message"] == f"of {WORDS}" and "Traceback" in first["error"] and ENTRY not in first["error"].splitlines()
    )
    assert second["message"] == '", "job": "another' and "job" not in second


def test_in_json_an_entry_names_the_job_its_thread_works_on():
    logger, entries = in_json()
    with working_on("aaaaaaaaaa", "web1", 2):
        logger.info("step drop")
        elsewhere = threading.Thread(target=logger.info, args=("of nobody",))
        elsewhere.start()
        elsewhere.join()
    logger.info("after")
    named = [{name: one.get(name) for name in ("job", "server", "attempt")} for one in entries()]
    nobody = {"job": None, "server": None, "attempt": None}
    assert named == [{"job": "aaaaaaaaaa", "server": "web1", "attempt": 2}, nobody, nobody]


def test_in_json_a_thread_for_a_job_and_an_error_of_its_work_name_it():
    logger, entries = in_json()
    with working_on("aaaaaaaaaa", "web1", 2):
        inside = threading.Thread(target=as_here(lambda: logger.info("lease")))
    inside.start()
    inside.join()
    try:
        with working_on("bbbbbbbbbb", "web2", 1):
            plain()
    except RuntimeError:
        logger.exception("outside")
    named = [(one["job"], one["server"], one["attempt"]) for one in entries()]
    assert named == [("aaaaaaaaaa", "web1", 2), ("bbbbbbbbbb", "web2", 1)]


def test_a_process_that_looks_at_its_tables_each_second_writes_no_entry_of_it(tmp_path, caplog, monkeypatch):
    url = f"sqlite:///{tmp_path}/shoplaunch.db"
    migrate.upgrade(make_engine(url))
    monkeypatch.setattr(migrate, "WATCH_SECONDS", 0)
    caplog.clear()
    caplog.set_level(logging.INFO)
    watch = migrate.Watch(sa.make_url(url))
    assert not watch.is_left() and not watch.is_left()
    assert caplog.messages == []
