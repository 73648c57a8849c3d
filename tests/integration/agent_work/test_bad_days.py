"""Bad days of a real account: bundles altered on its disk, a full home, a database that is away, things in the way."""

import copy
import os
import shutil
import subprocess
import time
import types
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from agent.database.patience import Patience
from agent.session.context import Context
from shared.errors import ShoplaunchError
from tests.support.servers.web.bundle_server import BundleServer
from tests.support.shops.handmade import shard
from tests.support.worlds.agent_box import Box


def failure(controller):
    """Return the error of the last `failed` event."""
    return controller.accepted("failed")[-1]["error"]


def only_the_page(shop):
    """Return whether the document root holds nothing but the 503 page, at most."""
    return {path.name for path in shop.root.iterdir()} <= {".htaccess", ".shoplaunch-holding.html"}


def flipped(path, name):
    """Alter one bit in the middle of member `name` of the bundle at `path`."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len(name) + info.file_size // 2] ^= 4
    path.write_bytes(bytes(data))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "files/0001.tar.gz",
        "files/9999.tar.gz",
        "db/tables.json.gz",
        "db/routines.json.gz",
        "db/configure.json.gz",
        "db/fragments.json.gz",
        "db/cells.json.gz",
        "db/data/0003.sql.gz",
    ],
)
def test_a_flipped_bit_in_any_kind_of_member_is_reported_and_the_original_goes_on(shop, controller, name):
    path = shop.folder / "shop.bundle"
    original = path.read_bytes()
    flipped(path, name)
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] in ("bundle_digest", "bundle_damaged")
    assert only_the_page(shop)
    path.write_bytes(original)
    shop.drop(attempt=2)
    assert shop.run() == 0
    assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000


@pytest.mark.parametrize("name", ["files/0001.tar.gz", "db/data/0003.sql.gz"])
def test_a_bundle_with_a_flipped_bit_is_fetched_anew_where_the_job_says_from_where(shop, controller, name):
    path = shop.folder / "shop.bundle"
    with closing(BundleServer(path.read_bytes())) as server:
        flipped(path, name)
        shop.pin["url"] = server.url
        shop.drop()
        assert shop.run() == 1
        assert failure(controller)["code"] == "bundle_digest" and failure(controller)["retryable"]
        assert shop.run() == 0
        assert server.asked == [None]
    assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000


@pytest.mark.parametrize(
    "entries",
    [
        [("way", ("->", "classes")), ("way/evil.php", "<?php")],
        [("way", ("->", "../..")), ("way/evil.php", "<?php")],
        [("way", ("->", "/tmp")), ("way/evil.php", "<?php")],
        [("../evil.php", "<?php")],
        [("/tmp/evil.php", "<?php")],
        [("a/../../evil.php", "<?php")],
    ],
    ids=lambda entries: "-".join(str(part) for part in entries[0])[:30],
)
def test_a_shard_that_would_write_elsewhere_writes_nothing_there(bundle, shop, controller, entries):
    hostile = copy.deepcopy(bundle)
    hostile._member("files/0001.tar.gz", "files", False, *shard([("classes", None), *entries]))
    shop.pin = hostile.write(shop.folder / "shop.bundle")
    shop.own()
    shop.drop()
    assert shop.run() == 3
    assert failure(controller)["code"] == "unsafe_path"
    assert only_the_page(shop)
    assert not list(shop.base.rglob("evil.php")) and not Path("/tmp/evil.php").exists()
    shop.pin = bundle.write(shop.folder / "shop.bundle")
    shop.own()
    shop.drop(attempt=2)
    assert shop.run() == 0


@pytest.mark.parametrize("free", [0, 8_000, 120_000])
def test_a_home_that_is_full_altogether_is_reported_and_goes_on_once_there_is_room(shop, bundle, controller, free):
    kept = shop.base / "kept"
    shop.home.rename(kept)
    shop.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=711", "shoplaunch-test", str(shop.home)], check=True)
    try:
        shutil.copytree(kept, shop.home, dirs_exist_ok=True, copy_function=shutil.copy2)
        requirements = {**bundle.manifest()["requirements"], "disk_bytes": 0, "inodes": 0}
        shop.pin = bundle.write(shop.folder / "shop.bundle", requirements=requirements)
        shop.own()
        os.chown(shop.home, shop.uid, shop.gid)
        shop.folder.chmod(0o700)
        shop.drop()
        shop.cron()
        filler = shop.home / "filler"
        room = os.statvfs(shop.home)
        filler.write_bytes(b"x" * max(0, room.f_bavail * room.f_frsize - free))
        assert shop.run() == 1, shop.errors
        assert "Traceback" not in shop.errors
        if free:
            # Without a byte for its outbox nothing can be reported; the next tick tries again
            assert failure(controller)["code"] == "quota_reached"
        assert only_the_page(shop)
        assert shop.id in shop.crontab
        filler.unlink()
        assert shop.run() == 0, shop.errors
        assert (shop.root / "img" / "1.png").exists()
        assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
        # Used twice, a number makes the second event a repetition, which the controller ignores
        numbers = [event["seq"] for event in controller.accepted() if event["seq"]]
        assert len(numbers) == len(set(numbers)) > 10
    finally:
        subprocess.run(["umount", "-l", str(shop.home)], check=True)


@pytest.mark.sampled(of=3, rests=True)
def test_a_database_that_is_away_for_twenty_seconds_is_waited_for(bundle, controller, keys, agent):
    from tests.integration.agent_work.conftest import Shop
    from tests.support.servers.databases.mariadb import start_private, stop_private

    server = start_private()
    try:
        account = Shop(server, bundle, controller, keys, agent)
        server.stop()
        account.drop()
        process = account.start()
        controller.wait_for(lambda: controller.accepted("stage_started"))
        time.sleep(20)
        assert process.poll() is None
        server.start()
        assert process.wait(120) == 0
        assert account.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
        assert controller.accepted("failed") == []
        account.close()
    finally:
        stop_private(server)


@pytest.mark.nightly
def test_a_database_that_is_away_for_five_minutes_in_the_middle_of_the_import_costs_no_chunk(
    bundle, controller, keys, agent
):
    from tests.integration.agent_work.conftest import Shop
    from tests.support.servers.databases.mariadb import start_private, stop_private

    # One chunk waits until the server is gone
    *_, (text, _rows) = bundle.texts
    gated = text.replace("'same everywhere'", "IF(GET_LOCK('gate', 600), 'same everywhere', '')")
    assert gated != text
    slow = bundle.changed(f"db/data/{len(bundle.texts):04d}.sql.gz", gated.encode())
    server = start_private()
    account = Shop(server, slow, controller, keys, agent)
    try:
        account.drop(heartbeat_seconds=10)
        with server.root_connection() as holder, holder.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK('gate', 0)")
            process = account.start()
            account.wait_for(
                lambda: server.query("SELECT 1 FROM information_schema.processlist WHERE state='User lock'")
            )
            server.stop(hard=True)
        before = len(controller.accepted("heartbeat"))
        time.sleep(300)
        assert process.poll() is None
        assert len(controller.accepted("heartbeat")) > before + 5
        server.start()
        assert process.wait(300) == 0
        assert controller.accepted("failed") == []
        assert account.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM ps_product") == ((2000, 2000),)
        assert controller.accepted("finished")[0]["evidence"]["chunks"] == len(bundle.texts)
    finally:
        # What it has on the server goes with the server, which may be away
        Box.close(account)
        stop_private(server)


class Hours:
    """A clock that sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_five_minutes_are_waited_for_and_then_forgotten():
    hours = Hours()
    patience = Patience(lambda: None, clock=hours, sleep=hours.sleep)
    gone = ShoplaunchError("db_unreachable")
    for _ in range(2):
        end = hours.now + 300
        while hours.now < end:
            patience.failure(gone)
        patience.success()


def test_patience_ends_before_a_hung_agent_would_be_killed_and_the_next_tick_goes_on():
    from agent.session.lock import HUNG_SECONDS

    hours = Hours()
    patience = Patience(lambda: None, clock=hours, sleep=hours.sleep)
    with pytest.raises(ShoplaunchError) as error:
        while True:
            patience.failure(ShoplaunchError("db_unreachable"))
    assert error.value.retryable
    assert 300 < hours.now < HUNG_SECONDS


def test_what_is_waited_for_is_reported_once_and_again_only_after_something_got_through():
    hours, reported = Hours(), []
    patience = Patience(lambda: None, clock=hours, sleep=hours.sleep, on_waiting=reported.append)
    busy = ShoplaunchError("db_busy", "1040 Too many connections")
    patience.failure(busy)
    assert reported == []
    for _ in range(50):
        patience.failure(busy)
    assert reported == [busy]
    patience.success()
    for _ in range(50):
        patience.failure(busy)
    assert reported == [busy, busy]


def test_what_is_waited_for_is_an_error_that_passes_in_the_eyes_of_the_controller():
    class Log:
        lines, info = [], lambda self, *line: self.lines.append(line)
        redact = staticmethod(lambda text: text.replace("geheim", "***"))

    class Events:
        reported = []

        def event(self, name, **fields):
            self.reported.append(
                (name, fields["error"]["code"], fields["error"]["retryable"], fields["error"]["message"])
            )

    ctx = types.SimpleNamespace(log=Log(), events=Events())
    Context.report_waiting(ctx, ShoplaunchError("db_busy", "1040 geheim"))
    assert Events.reported == [("failed", "db_busy", True, "1040 ***")]


def test_what_others_got_through_counts_as_well_but_not_that_they_begin():
    from agent.session.lock import HUNG_SECONDS

    hours = Hours()
    stage = Patience(lambda: None, clock=hours, sleep=hours.sleep)
    one, other = (Patience(lambda: None, stage, clock=hours, sleep=hours.sleep) for _ in range(2))
    gone = ShoplaunchError("db_unreachable")
    for _ in range(3):
        last = hours.now
        while hours.now < last + 300:
            one.failure(gone)
        other.success()
    last = hours.now
    with pytest.raises(ShoplaunchError):
        while hours.now < last + HUNG_SECONDS:
            Patience(lambda: None, stage, clock=hours, sleep=hours.sleep)
            one.failure(gone)
    assert hours.now > last + 300


def test_a_refusal_is_no_matter_of_patience():
    hours = Hours()
    with pytest.raises(ShoplaunchError):
        Patience(lambda: None, clock=hours, sleep=hours.sleep).failure(ShoplaunchError("db_access_denied"))
    assert hours.now == 0


@pytest.mark.parametrize("name", ["job", "state.json", "agent.log", "lock", "outbox"])
def test_a_folder_in_place_of_an_agents_file_ends_in_an_error_code_and_never_in_a_traceback(shop, name):
    shop.drop()
    path = shop.folder / name
    if path.is_file():
        path.unlink()
    path.mkdir()
    (path / "x").mkdir()
    shop.own()
    assert shop.run() in (0, 1, 3, 6)
    assert "Traceback" not in shop.output + shop.errors


def test_no_secret_is_ever_an_argument_or_in_the_environment_of_a_process(shop):
    job = shop.drop()
    shop.cron()
    secrets = [job["callback"]["token"], shop.db_password, job["values"]["secret.cookie_key"]]
    process = shop.start()
    seen = set()
    while process.poll() is None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                for part in ("cmdline", "environ"):
                    try:
                        if entry.stat().st_uid == shop.uid:
                            seen.add((entry / part).read_bytes())
                    except OSError:
                        continue
    assert process.returncode == 0
    assert len(seen) > 2
    for secret in secrets:
        assert not any(secret.encode() in text for text in seen)
