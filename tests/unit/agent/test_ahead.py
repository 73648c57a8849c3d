"""Pieces made by a thread of their own: the same in the same order, few at a time, and what goes wrong is told."""

import threading

import pytest

from agent.ahead import Ahead
from agent.stages import unpack
from shared.errors import ShoplaunchError

ROOM = 100
SECONDS = 30


def taken(ahead, *names):
    return {name: b"".join(ahead.pieces(name)) for name in names}


def test_each_name_gets_its_own_pieces_in_their_order():
    items = [("a", b"1"), ("a", b"2"), ("b", b"3"), ("d", b"4")]
    ahead = Ahead(iter(items), ROOM)
    assert taken(ahead, "a", "b", "c", "d", "e") == {"a": b"12", "b": b"3", "c": b"", "d": b"4", "e": b""}
    ahead.close()


def test_more_is_made_only_when_less_waits_than_there_is_room_for():
    made, late = [], threading.Event()

    def items():
        for number in range(50):
            made.append(number)
            if number == 5:
                late.set()
            yield "a", bytes(ROOM // 2)

    ahead = Ahead(items(), ROOM)
    pieces = ahead.pieces("a")
    for number in range(1, 4):
        next(pieces)
        # Two wait, and none beyond them is begun
        assert len(made) <= number + 2
    next(pieces)
    assert late.wait(SECONDS), "room that is given back is used"
    assert len(made) <= 6
    ahead.close()
    assert len(made) <= 6, "once closed nothing more is made"


def test_what_goes_wrong_is_raised_behind_what_was_made_before():
    def items():
        yield "a", b"1"
        raise ShoplaunchError("bundle_digest", "it is another")

    ahead = Ahead(items(), ROOM)
    pieces = ahead.pieces("a")
    assert next(pieces) == b"1"
    with pytest.raises(ShoplaunchError, match="bundle_digest"):
        next(pieces)
    ahead.close()


def test_closed_it_leaves_no_thread_behind_though_nobody_took_anything():
    before = threading.active_count()
    ahead = Ahead((("a", bytes(ROOM)) for _ in range(50)), ROOM)
    ahead.close()
    assert threading.active_count() == before


def test_where_there_can_be_no_thread_shards_are_unpacked_in_their_turn(monkeypatch):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    said = []

    class Ctx:
        ahead = {"1": iter([b"read before"])}
        state = type("State", (), {"shard_done": staticmethod(lambda name: False)})
        log = type("Log", (), {"info": staticmethod(lambda text, *values: said.append(text % values))})

    with unpack._unpacking(Ctx, [{"name": "1"}]) as pieces_of:
        assert b"".join(pieces_of({"name": "1"})) == b"read before"
    assert said == ["no thread unpacks beside what is written: can't start new thread"]
