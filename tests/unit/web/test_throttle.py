"""How fast bundles are sent: one bucket for all of a server, one download per job."""

from io import BytesIO
from pathlib import Path

from controller.jobs.agent_link.downloads import Download
from controller.web.api.throttle import Bucket, Downloads, Pieces


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def about(job="a", rate=0):
    return Download(job, "web-1", Path("/nowhere"), 1000, "0" * 64, rate)


def test_all_who_share_a_bucket_together_get_its_rate():
    clock = Clock()
    bucket = Bucket(clock, clock.sleep)
    for _ in range(10):
        bucket.take(500, 1000)
        bucket.take(500, 1000)
    assert clock.now == 100.0 + 9.5


def test_what_was_not_used_is_not_saved_up():
    clock = Clock()
    bucket = Bucket(clock, clock.sleep)
    bucket.take(1000, 1000)
    clock.now += 3600
    before = clock.now
    for _ in range(3):
        bucket.take(1000, 1000)
    assert clock.now == before + 2.0


def test_without_a_rate_nobody_waits():
    clock = Clock()
    Bucket(clock, clock.sleep).take(10**9, 0)
    assert clock.now == 100.0


def test_pieces_are_short_enough_for_a_slow_rate_and_complete():
    downloads = Downloads()
    ticket = downloads.begin("a")
    clock = Clock()
    downloads._buckets["web-1"] = Bucket(clock, clock.sleep)
    found = list(Pieces(downloads, ticket, BytesIO(b"x" * 1000), 900, about(rate=400)))
    assert {len(piece) for piece in found} == {100}
    assert b"".join(found) == b"x" * 900


def test_a_newer_download_of_a_job_ends_the_older_and_keeps_its_place():
    downloads = Downloads(at_once=1)
    old = Pieces(downloads, downloads.begin("a"), BytesIO(b"x" * 10**6), 10**6, about())
    assert next(old)
    assert downloads.begin("b") is None
    new = Pieces(downloads, downloads.begin("a"), BytesIO(b"y" * 10), 10, about())
    assert list(old) == []
    old.close()
    assert downloads.begin("b") is None
    assert b"".join(new) == b"y" * 10
    new.close()
    assert downloads.begin("b") is not None


def test_a_download_that_never_began_gives_its_place_back():
    downloads = Downloads(at_once=1)
    Pieces(downloads, downloads.begin("a"), BytesIO(b""), 0, about()).close()
    assert downloads.begin("b") is not None
