"""A bundle is read by the account whose job it is, while it runs, and by no other user of the machine."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.access_lists import readers
from controller.bundles.residue.bundle_reader import open_bundle
from controller.db import tables
from controller.db.connection.engine import make_engine, transact
from controller.doctor import files
from controller.jobs.intake import chores
from controller.jobs.lifecycle import bundle_readers
from controller.jobs.lifecycle import bundle_store as bundle_files
from tests.attacks.table import attack
from tests.fakes.folder_panel import READER
from tests.support.machine.file_locks import is_locked
from tests.support.state.state_database import make_tables
from tests.support.worlds.world import Agent, World

pytestmark = pytest.mark.root
STRANGER = READER + 1000
OTHER_DOMAIN = "other.example.com"


@pytest.fixture
def world():
    """A controller whose folders every user of the machine may enter, as an installation's; it starts with umask 0."""
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-attack-"))
    folder.chmod(0o755)
    before = os.umask(0)
    engine = make_engine(f"sqlite:///{folder}/state.db")
    make_tables(engine)
    made = World(folder, engine)
    yield made
    os.umask(before)
    made.close()
    engine.dispose()
    shutil.rmtree(folder)


def bundle_of(world, name="classic"):
    return world.config.bundles / f"{name}.bundle"


def can_read(user, path):
    """Return whether a process of `user` (an id), which knows the name, gets the bytes."""
    done = subprocess.run(["cat", path], user=user, group=user, extra_groups=[], capture_output=True)
    assert not done.stdout or done.stdout == path.read_bytes()
    return bool(done.stdout)


def said(world, job):
    """Return where the job file says the bundle is."""
    pinned = Agent(world, job).payload["bundle"]
    return {name: value for name, value in pinned.items() if name in ("path", "url")}


@attack("an account of the same machine copies a template that it knows the name of", "it cannot open the file")
def test_nobody_without_a_job_reads_a_bundle(world):
    assert not can_read(STRANGER, bundle_of(world))
    assert not can_read(READER, bundle_of(world))
    job, _agent = world.dropped()
    assert said(world, job) == {"path": str(bundle_of(world))}
    assert can_read(READER, bundle_of(world))
    assert not can_read(STRANGER, bundle_of(world))


@attack("a client copies another bundle than that of the job, or somebody else's account does", "neither can open it")
def test_an_account_reads_the_bundle_of_its_own_job_alone(world):
    world.add_bundle("boutique")
    world.dropped()
    other, _agent = world.dropped(account="bob", domain=OTHER_DOMAIN, bundle="boutique")
    assert can_read(READER, bundle_of(world))
    assert not can_read(READER, bundle_of(world, "boutique"))
    for _ in range(2):
        assert can_read(READER + 1, bundle_of(world, "boutique"))
        assert not can_read(READER + 1, bundle_of(world))
        chores.run(world.service.installation)
    world.service.jobs.cancel(other.id)
    world.work()
    assert not can_read(READER + 1, bundle_of(world, "boutique"))


def test_accounts_whose_jobs_need_the_same_bundle_read_it_side_by_side(world):
    job, _agent = world.dropped()
    world.dropped(account="bob", domain=OTHER_DOMAIN)
    assert readers(bundle_of(world)) == {READER, READER + 1}
    world.finish(job)
    assert readers(bundle_of(world)) == {READER + 1}


def test_jobs_are_read_and_a_bundle_is_opened_by_one_process_at_a_time(world, monkeypatch):
    """Of two the one with the older jobs would close the bundle to the other's account."""
    held, real = [], bundle_readers._wanted

    def looking(*asked):
        held.append(is_locked(world.config.bundles / ".readers.lock"))
        return real(*asked)

    monkeypatch.setattr(bundle_readers, "_wanted", looking)
    job, _agent = world.dropped()
    entered = len(held)
    chores.run(world.service.installation)
    renewed = len(held)
    world.service.jobs.cancel(job.id)
    world.work()
    assert 0 < entered < renewed < len(held) and all(held)


@attack("a client copies the bundle once the shop lives", "the account cannot open it any more")
def test_the_account_of_a_living_shop_reads_no_bundle(world):
    live = world.live()
    assert world.job(live).state == "live"
    assert not can_read(READER, bundle_of(world))


@attack("a client keeps a job from ending to copy the bundle later", "validity over, the account cannot open it")
def test_an_account_whose_job_expired_reads_no_bundle(world):
    job, _agent = world.dropped()
    world.work_later(world.job(job).expires_at - world.clock.now + 700, stride=3600.0)
    chores.run(world.service.installation)
    assert not can_read(READER, bundle_of(world))
    world.service.jobs.retry(job.id)
    world.work()
    assert can_read(READER, bundle_of(world))


@attack("the controller is killed before it closes a bundle", "the next one closes it within a minute")
def test_what_a_killed_controller_left_open_is_closed(world):
    job, _agent = world.dropped()
    ended = sa.update(tables.jobs).where(tables.jobs.c.id == job.id).values(state="cancelled")
    transact(world.engine, lambda connection: connection.execute(ended))
    assert can_read(READER, bundle_of(world))
    chores.run(world.service.installation)
    assert not can_read(READER, bundle_of(world))


@attack("bundles of an earlier version are readable for everybody", "the first round of a worker closes them")
def test_bundles_of_earlier_versions_are_closed_and_jobs_under_way_go_on(world):
    world.dropped()
    os.removexattr(bundle_of(world), "system.posix_acl_access")
    bundle_of(world).chmod(0o644)
    chores.run(world.service.installation)
    assert can_read(READER, bundle_of(world))
    assert not can_read(STRANGER, bundle_of(world))


def test_adding_the_same_file_again_keeps_those_inside_who_read_it(world):
    world.dropped()
    assert readers(bundle_of(world)) == {READER}
    world.service.installation.bundles.add("classic", world.folder / "classic.bundle")
    assert readers(bundle_of(world)) == {READER}


@attack("an account opens the copy while `bundle add` makes it", "it is closed from its first byte")
def test_a_bundle_that_is_being_added_is_closed(world, monkeypatch):
    tried, source = [], world.folder / "classic.bundle"

    def looked_at(path):
        # What is added is looked at first, where its owner has put it
        if path != source:
            tried.append(can_read(STRANGER, path))
        return open_bundle(path)

    monkeypatch.setattr(bundle_files, "open_bundle", looked_at)
    world.service.installation.bundles.add("classic", source)
    assert tried == [False]


@attack("the file system keeps no access lists", "the bundle stays closed, and the agent fetches it with its token")
def test_without_access_lists_a_bundle_is_fetched(world):
    subprocess.run(["mount", "-t", "ramfs", "-o", "mode=711", "none", world.config.bundles], check=True)
    try:
        world.service.installation.bundles.add("classic", world.folder / "classic.bundle")
        job, _agent = world.dropped()
        assert list(said(world, job)) == ["url"]
        assert not can_read(READER, bundle_of(world))
        assert not can_read(STRANGER, bundle_of(world))
    finally:
        subprocess.run(["umount", world.config.bundles], check=True)


@attack(
    "a folder above the bundles is closed to accounts", "the agent gets both addresses and fetches what it cannot read"
)
def test_where_accounts_cannot_come_to_a_bundle_it_is_fetched(world):
    world.config.home.chmod(0o700)
    job, _agent = world.dropped()
    assert list(said(world, job)) == ["path", "url"]
    assert not can_read(READER, bundle_of(world))


def on_cpanel(world, settings):
    """The world's server is another machine with these settings, a JSON text."""
    world.panel.kind = "cpanel"
    values = sa.update(tables.servers).where(tables.servers.c.name == "web1").values(settings=settings, panel="cpanel")
    transact(world.engine, lambda connection: connection.execute(values))


@attack(
    "a bundle that was paid for lies in a folder of a cPanel server where every account can copy it",
    "jobs of such a bundle name no folder: agents fetch it with their token, unless the operator shares it knowingly",
)
def test_what_is_paid_for_comes_from_no_shared_folder(world):
    source = world.folder / "classic.bundle"
    on_cpanel(world, '{"bundle_folder": "/opt/bundles"}')
    free, _agent = world.dropped()
    assert list(said(world, free)) == ["path", "url"]
    assert world.service.installation.bundles.add("classic", source, paid=True).paid
    paid, _agent = world.dropped(account="bob", domain=OTHER_DOMAIN)
    assert list(said(world, paid)) == ["url"]
    on_cpanel(world, '{"bundle_folder": "/opt/bundles", "share_paid": true}')
    shared, _agent = world.dropped(account="carol", domain="third.example.com")
    assert list(said(world, shared)) == ["path", "url"]
    assert world.service.installation.bundles.add("classic", source).paid
    assert not world.service.installation.bundles.add("classic", source, paid=False).paid


def test_doctor_says_how_bundles_are_read_and_which_are_open(world):
    config = replace(world.config, database_url=f"sqlite:///{world.folder}/state.db")

    def rows():
        return {row.name: row for row in files.stored_bundles(config)}

    assert rows()["bundle classic"].ok
    assert "each by accounts whose jobs need it" in rows()["bundles"].message
    bundle_of(world).chmod(0o644)
    assert not rows()["bundle classic"].ok
    assert "chmod 600" in rows()["bundle classic"].advice
    world.config.home.chmod(0o700)
    assert "fetched from here" in rows()["bundles"].message
    bundle_of(world).unlink()
    assert "bundle add classic FILE" in rows()["bundle classic"].advice
