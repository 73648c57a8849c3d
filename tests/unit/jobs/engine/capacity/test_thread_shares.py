"""The worker's threads: a server that hangs gets one place, all that fail get few, and the others get the rest."""

from controller.jobs.engine.capacity.thread_shares import (
    FOR_ORDERS,
    FOR_VISITS,
    OPENED,
    PER_SERVER,
    SILENT,
    THREADS,
    VISITS,
    ThreadShares,
    Waiting,
    slot_for,
)


def places(busy=(), failing=(), opened=(), silent=()):
    return ThreadShares(busy, [*failing, *opened], opened, Waiting(silent))


def taken(found, servers):
    """Return the servers that get a place, asked one after the other."""
    begun = []
    for server in servers:
        if found.has_room(server):
            found.take(server)
            begun.append(server)
    return begun


def test_a_server_that_answers_gets_its_share_and_half_of_the_threads_stay_for_others():
    assert taken(places(), ["a"] * 10) == ["a"] * PER_SERVER
    many = taken(places(), [name for name in "abcdef" for _ in range(PER_SERVER)])
    assert len(many) == THREADS // 2 + 4 and set(many) == set("abcdef")


def test_a_server_whose_last_call_failed_gets_one_place():
    assert taken(places(failing=["a"]), ["a", "a", "b", "b"]) == ["a", "b", "b"]


def test_servers_whose_breaker_is_open_get_a_quarter_of_the_threads_together():
    opened = [f"hung{n}" for n in range(20)]
    found = places(opened=opened)
    assert taken(found, opened) == opened[:OPENED]
    assert not any(map(found.has_room, opened))
    assert found.has_room("healthy")


def test_threads_in_calls_that_are_not_answered_are_not_missed_by_others():
    hung = [f"hung{n}" for n in range(THREADS)]
    assert not places(hung).has_room("healthy")
    found = places(hung, silent=hung)
    assert found.has_room("healthy") and not any(map(found.has_room, hung))


def test_a_silent_server_without_a_job_under_way_gets_one_place():
    assert taken(places(silent=["a"]), ["a", "a"]) == ["a"]


def test_visits_have_room_beside_all_other_jobs_but_for_one_slot_and_none_on_a_server_that_fails_or_hangs():
    full = places([f"busy{n}" for n in range(THREADS)])
    assert not full.has_room("a") and full.has_room_to_visit("a", ["a"] * (PER_SERVER - 2))
    assert not full.has_room_to_visit("a", ["a"] * (PER_SERVER - 1))
    assert full.has_room_to_visit("a", ["b"] * (VISITS - 1)) and not full.has_room_to_visit("a", ["b"] * VISITS)
    assert not places(silent=["a"]).has_room_to_visit("a", [])
    assert not places(failing=["a"]).has_room_to_visit("a", [])


def test_each_kind_of_job_begins_with_the_slot_that_is_of_no_use_to_the_other():
    every = range(1, PER_SERVER + 1)
    assert (slot_for(every, is_visit=True), slot_for(every, is_visit=False)) == (FOR_VISITS, FOR_ORDERS)
    assert slot_for([FOR_ORDERS], is_visit=True) is None and slot_for([FOR_VISITS], is_visit=False) == FOR_VISITS
    assert slot_for([], is_visit=False) is None
    # Where accounts hang the last slots are left to the others
    assert [slot_for(every, is_visit=one, in_order=True) for one in (True, False)] == [1, 1]


def test_even_silent_threads_have_an_end():
    hung = [f"hung{n}" for n in range(SILENT + THREADS)]
    assert not places(hung, silent=hung).has_room("healthy")


def test_a_server_of_which_accounts_hang_has_room_for_its_other_jobs():
    found = ThreadShares(["a"], (), (), Waiting(["a"], ["a"]))
    assert taken(found, ["a"] * PER_SERVER) == ["a"] * (PER_SERVER - 1)


def test_threads_that_wait_for_accounts_are_not_missed_though_their_servers_answer_others():
    servers = [f"server{n}" for n in range(THREADS // PER_SERVER)]
    busy = servers * PER_SERVER
    assert not ThreadShares(busy, (), ()).has_room("healthy")
    assert ThreadShares(busy, (), (), Waiting(waiting=dict.fromkeys(servers, 2))).has_room("healthy")
    # Two calls at a time for one job are one job
    assert not ThreadShares(busy, (), (), Waiting(waiting={"server0": 99, "none": 99})).has_room("server1")
