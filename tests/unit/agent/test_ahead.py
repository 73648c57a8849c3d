"""Pieces made by a thread of their own: the same in the same order, few at a time, and what goes wrong is told."""

import threading
import types

import pytest

from agent.ahead import Ahead
from agent.stages import unpack
from shared.errors import ShoplaunchError

ROOM = 100
SECONDS = 30


def taken(ahead, *names):
    return {name: b"".join(ahead.pieces(name)) for name in names}


def test_each_name_gets_its_own_pieces_in_their_order():
    ahead = Ahead(iter([("a", [b"1", b"2"]), ("b", [b"3"]), ("c", []), ("d", [b"4"])]), ROOM)
    assert taken(ahead, "a", "b", "c", "d") == {"a": b"12", "b": b"3", "c": b"", "d": b"4"}
    ahead.close()


@pytest.mark.parametrize("name", ["b", "z"])
def test_who_asks_for_another_than_the_next_is_not_told_that_there_is_nothing(name):
    ahead = Ahead(iter([("a", [b"1"]), ("b", [b"3"])]), ROOM)
    with pytest.raises(LookupError):
        b"".join(ahead.pieces(name))
    ahead.close()


def test_behind_the_last_one_there_is_no_other():
    ahead = Ahead(iter([("a", [b"1"])]), ROOM)
    taken(ahead, "a")
    with pytest.raises(LookupError):
        b"".join(ahead.pieces("b"))
    ahead.close()


def test_more_is_made_only_when_less_waits_than_there_is_room_for():
    made, late = [], threading.Event()

    def items():
        for number in range(50):
            made.append(number)
            if number == 5:
                late.set()
            yield bytes(ROOM // 2)

    ahead = Ahead([("a", items())], ROOM)
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


def test_what_goes_wrong_is_raised_behind_what_was_made_before_to_whom_it_concerns():
    def broken():
        yield b"2"
        raise ShoplaunchError("bundle_digest", "it is another")

    ahead = Ahead([("a", [b"1"]), ("b", broken())], ROOM)
    assert b"".join(ahead.pieces("a")) == b"1"
    pieces = ahead.pieces("b")
    assert next(pieces) == b"2"
    with pytest.raises(ShoplaunchError, match="bundle_digest"):
        next(pieces)
    ahead.close()


def test_closed_it_leaves_no_thread_behind_though_nobody_took_anything():
    before = threading.active_count()
    ahead = Ahead([("a", (bytes(ROOM) for _ in range(50)))], ROOM)
    ahead.close()
    assert threading.active_count() == before


class Ctx:
    """A context with nothing but what unpacking needs; `said` is what it logged."""

    def __init__(self):
        self.said = []
        self.ahead = {"1": iter([b"read before"])}
        self.state = types.SimpleNamespace(shard_done=lambda name: False)
        self.log = types.SimpleNamespace(info=lambda text, *values: self.said.append(text % values))


def no_thread(monkeypatch, words):
    def start(_thread):
        raise RuntimeError(words)

    monkeypatch.setattr(threading.Thread, "start", start)


def test_where_there_can_be_no_thread_shards_are_unpacked_in_their_turn(monkeypatch):
    no_thread(monkeypatch, "can't start new thread")
    ctx, shard = Ctx(), {"name": "1", "unpacked": 11}
    with unpack._unpacking(ctx, [shard]) as pieces_of:
        assert b"".join(pieces_of(shard)) == b"read before"
    assert ctx.said == ["no thread unpacks beside what is written: can't start new thread"]


def test_shards_that_come_all_at_once_are_unpacked_in_their_turn(monkeypatch):
    no_thread(monkeypatch, "none is to be started")
    ctx, shards = Ctx(), [{"name": "1"}, {"name": "2", "unpacked": 11}]
    with unpack._unpacking(ctx, shards) as pieces_of:
        assert b"".join(pieces_of(shards[0])) == b"read before"
    assert ctx.said == []
