"""Keys that were stolen and retired open nothing and sign nothing any more, and a kill on the way loses nothing."""

import os
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from cryptography.fernet import Fernet, InvalidToken

from controller import keys
from controller.access import actor
from controller.cli import main
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.jobs import Conflict, update
from controller.db.machines.workers import leave
from controller.db.tables import audit, jobs, workers
from controller.jobs.intake.service import open_service
from controller.jobs.record.sealed_values import sealed
from controller.jobs.record.tokens import Tokens
from controller.jobs.shop import certificate
from controller.keys import load_keys
from controller.setup import installation, key_retirement
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.worlds.rotated_keys import PRIVATE, Home, Silence, all_there
from tests.support.worlds.web_site import OPERATOR, PASSWORD, csrf_of


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    yield made
    made.service.installation.engine.dispose()


@attack("somebody has an old key and a copy of the database", "retired, the old key opens nothing that is stored")
def test_a_retired_key_opens_nothing(home):
    done = home.retire()
    assert (done.sealed, done.signed, done.unreadable) == (len(key_retirement.SEALED), 1, 0)
    assert home.opened() == all_there(home)
    old, found = Fernet(home.old.encryption[0]), 0
    for text in home.stored():
        for word in text.replace('"', " ").split():
            if word.startswith("gAAAA"):
                found += 1
                with pytest.raises(InvalidToken):
                    old.decrypt(word.encode())
    assert found == len(key_retirement.SEALED)
    assert home.retire() is None


@attack(
    "a worker has read a job when keys are retired, and writes what it learned of it afterwards",
    "it reads the job once more: what it knew was sealed by an old key",
)
def test_what_was_read_before_is_not_written_back(home):
    read = home.service.jobs.get(home.live)
    home.retire()
    engine = home.service.installation.engine
    with pytest.raises(Conflict):
        transact(engine, lambda connection: update(connection, read, time.time(), facts=dict(read.facts, removed=True)))
    assert home.opened() == all_there(home)


@attack("somebody signs tokens, sessions, certificates and jobs with an old key", "nothing of it is believed")
def test_a_retired_key_signs_nothing(home):
    old_app = create_app(home.config, home.service).test_client()
    page = old_app.get("/admin/login").text
    form = {"user": OPERATOR, "password": PASSWORD, "csrf_token": csrf_of(page)}
    assert old_app.post("/admin/login", data=form).status_code == 303
    signed_before = home.service.jobs.signed_certificate(home.live)
    home.retire()
    now = load_keys(home.config.keys)
    for name in keys.MAKERS:
        assert len(getattr(now, name)) == 1 and getattr(now, name)[0] not in getattr(home.old, name)
    with pytest.raises(ShoplaunchError, match="token_invalid"):
        Tokens(now.tokens).read_agent(Tokens(home.old.tokens).for_agent("job", 1))
    with pytest.raises(ShoplaunchError, match="certificate_invalid"):
        certificate.read(signed_before, now.public_keys())
    new_app = create_app(home.config, open_service(home.config)).test_client()
    cookie = old_app.get_cookie("shoplaunch")
    new_app.set_cookie("shoplaunch", cookie.value, domain="localhost")
    assert new_app.get("/admin/jobs").status_code == 302
    assert old_app.get("/admin/jobs").status_code == 200
    assert [known.signing for known in home.agents] == [now.signing]


class Killed(BaseException):
    """The process was killed there."""


def killed_at(home, number, monkeypatch):
    """Retire until the `number`th write of database or disk; tell whether there was one."""
    seen = []

    def count(*_about):
        seen.append(1)
        if len(seen) == number:
            raise Killed

    def statement(_connection, _cursor, text, *_more):
        if not text.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA")):
            count()

    real = keys.replace_durably

    def write(*words):
        count()
        real(*words)
        count()

    with monkeypatch.context() as patch:
        patch.setattr(keys, "replace_durably", write)
        patch.setattr(actor, "make_engine", lambda _url: home.service.installation.engine)
        sa.event.listen(home.service.installation.engine, "before_cursor_execute", statement)
        try:
            home.retire()
        except Killed:
            return True
        finally:
            sa.event.remove(home.service.installation.engine, "before_cursor_execute", statement)
    return False


@attack("the machine loses power while keys are retired", "everything is readable, and the next try does the rest")
def test_a_kill_at_any_instant_loses_nothing(home, monkeypatch):
    kills = 0
    for number in range(1, 100):
        keys.rotate(home.config.keys)
        if not killed_at(home, number, monkeypatch):
            break
        kills += 1
        assert home.opened() == all_there(home), number
        home.retire()
        assert home.opened() == all_there(home), number
        assert keys.old_files(home.config.keys) == []
    assert kills > 10


@attack(
    "the machine loses power right after the last old key is gone",
    "the audit log says that keys were retired, whenever one of them is gone",
)
def test_no_key_goes_that_the_audit_log_does_not_know_of(home, monkeypatch):
    def noted():
        with reading(home.service.installation.engine) as connection:
            return connection.execute(sa.select(sa.func.count()).where(audit.c.action == "key retire")).scalar_one()

    seen = set()
    for number in range(1, 100):
        keys.rotate(home.config.keys)
        before, is_killed = noted(), killed_at(home, number, monkeypatch)
        gone = len(keys.MAKERS) - len(keys.old_files(home.config.keys))
        seen.add(gone)
        assert noted() > before or not gone, number
        if not is_killed:
            break
    assert seen == set(range(len(keys.MAKERS) + 1))


@attack("keys are retired while a process still seals by an old one", "it is refused before anything is changed")
def test_keys_in_use_are_not_retired(home):
    def put(started_at):
        transact(home.service.installation.engine, lambda connection: connection.execute(sa.delete(workers)))
        row = {"name": "w", "started_at": started_at, "beat_at": started_at}
        transact(
            home.service.installation.engine, lambda connection: connection.execute(sa.insert(workers).values(**row))
        )

    rotated = (home.config.keys / "tokens").stat().st_mtime
    put(rotated - 1)
    with pytest.raises(ShoplaunchError, match="keys_in_use"):
        home.retire(at_once=True)
    put(rotated + 1)
    home.put(home.service.jobs.get(home.waiting), "restoring", dropped_at=rotated - 5)
    with pytest.raises(ShoplaunchError, match=home.waiting):
        home.retire()
    assert len(keys.old_files(home.config.keys)) == 4
    assert home.retire(at_once=True) is not None


def note(home, name, started_at, beat_at):
    """A process of this name noted itself, and gave its last sign then."""
    row = {"name": name, "started_at": started_at, "beat_at": beat_at}
    transact(home.service.installation.engine, lambda connection: connection.execute(sa.insert(workers).values(**row)))


@attack(
    "keys were rotated while the clock was a year ahead, and are to be retired now that it is right",
    "it is said that no restart helps, but another rotation, and that does",
)
def test_keys_of_a_clock_that_was_ahead_can_be_retired(home):
    now = (home.config.keys / "tokens").stat().st_mtime
    for path in home.config.keys.iterdir():
        os.utime(path, (now + 365 * 86400,) * 2)
    note(home, "first", now + 1, now + 1)
    with pytest.raises(ShoplaunchError, match="key rotate"):
        home.retire(at_once=True)
    keys.rotate(home.config.keys)
    note(home, "second", time.time() + 1, time.time() + 1)
    transact(home.service.installation.engine, lambda connection: leave(connection, "first"))
    assert home.retire(at_once=True) is not None


@attack(
    "keys are retired while a web server without a worker runs that was never started again",
    "it is named, and nothing is changed; a process that was killed long ago keeps nobody waiting",
)
def test_a_web_server_of_old_keys_is_seen(home):
    now = (home.config.keys / "tokens").stat().st_mtime
    note(home, "killed", now - 9000, now - 8000)
    note(home, "host:7:aa/web", now - 100, now)
    with pytest.raises(ShoplaunchError, match="host:7:aa/web runs, and was started before"):
        home.retire()
    assert len(keys.old_files(home.config.keys)) == 4
    transact(home.service.installation.engine, lambda connection: leave(connection, "host:7:aa/web"))
    assert home.retire() is not None


@attack(
    "keys are retired while an agent has a token of a worker that was started again after another one was",
    "its job is named: the token is of an old key, whatever the other worker knows",
)
def test_tokens_of_the_worker_that_was_started_again_last_are_waited_for(home):
    rotated = (home.config.keys / "tokens").stat().st_mtime
    note(home, "first", rotated + 1, rotated + 9)
    note(home, "second", rotated + 5, rotated + 9)
    home.put(home.service.jobs.get(home.waiting), "restoring", dropped_at=rotated + 3)
    with pytest.raises(ShoplaunchError, match=home.waiting):
        home.retire()
    home.put(home.service.jobs.get(home.waiting), "restoring", dropped_at=rotated + 6)
    assert home.retire() is not None


@attack(
    "keys are rotated once more, or a process is started with another clock than the machine's, while they are retired",
    "the newer keys stay with those that everything was sealed by; the time of a rotation is the database's",
)
def test_keys_that_are_made_while_others_are_retired_stay(home):
    now = (home.config.keys / "tokens").stat().st_mtime
    transact(home.service.installation.engine, lambda c: access.add_audit(c, now + 60, "nora", "key rotate", None, ""))
    note(home, "by another clock", now + 50, now)
    with pytest.raises(ShoplaunchError, match="by another clock runs"):
        home.retire()
    transact(home.service.installation.engine, lambda connection: leave(connection, "by another clock"))

    class Meanwhile(Silence):
        rotated = False

        def phase(self, name, total=None):
            if not self.rotated and name.startswith("certificates"):
                self.rotated = True
                keys.rotate(home.config.keys)

    known = load_keys(home.config.keys).newest()
    assert key_retirement.retire(home.config, home.agents.append, Meanwhile(), at_once=False) is not None
    assert home.opened() == all_there(home)
    left = load_keys(home.config.keys)
    assert [getattr(left, name)[0] for name in keys.MAKERS] == [getattr(known, name)[0] for name in keys.MAKERS]
    assert all(len(getattr(left, name)) == 2 for name in keys.MAKERS)
    assert [agent.signing for agent in home.agents] == [left.signing]


#: The phases of a retirement, the second pass included.
PHASES = 2 * len(key_retirement.SEALED) + 2


@attack(
    "keys are retired; before that has ended others are made, and somebody retires once more, in another window",
    "the first one seals and signs nothing by keys that the second one ended: everything is readable",
)
@pytest.mark.parametrize("number", range(PHASES))
def test_a_retirement_that_another_one_overtakes_loses_nothing(home, number):
    class Overtaken(Silence):
        seen = 0

        def phase(self, name, total=None):
            if self.seen == number:
                keys.rotate(home.config.keys)
                home.retire(at_once=True)
            self.seen += 1

    overtaken = Overtaken()
    key_retirement.retire(home.config, home.agents.append, overtaken, at_once=False)
    assert overtaken.seen > number
    assert home.opened() == all_there(home)
    assert keys.old_files(home.config.keys) == []
    assert home.agents[-1].signing == load_keys(home.config.keys).signing


@attack(
    "two retirements meet at one page of certificates, and the one of the former keys writes first",
    "the other one looks again, and signs by its own: no certificate is of a key that is gone",
)
def test_a_certificate_that_another_retirement_signs_meanwhile_is_signed_once_more(home, monkeypatch):
    keys.rotate(home.config.keys)
    middle = replace(load_keys(home.config.keys), folder=None)
    middle = replace(middle, **{name: getattr(middle, name)[:2] for name in keys.MAKERS})
    real, met = key_retirement._put_certificates, []

    def put(engine, anew):
        if not met and anew:
            met.append(anew)
            key_retirement._certificates_anew(engine, middle, Silence())
        return real(engine, anew)

    monkeypatch.setattr(key_retirement, "_put_certificates", put)
    assert home.retire() is not None
    assert met and home.opened() == all_there(home)


def test_what_a_forgotten_process_goes_on_sealing_stops_it(home, monkeypatch):
    real = key_retirement._put

    def put(engine, *about):
        done = real(engine, *about)
        # Of another machine, which has no newer keys
        seal = (
            sa.update(jobs).where(jobs.c.id == home.waiting).values(**sealed(replace(home.old, folder=None), PRIVATE))
        )
        transact(engine, lambda connection: connection.execute(seal))
        return done

    monkeypatch.setattr(key_retirement, "_put", put)
    with pytest.raises(ShoplaunchError, match="keys_in_use"):
        home.retire()
    assert home.opened() == all_there(home)


class Commits(Silence):
    """Counts the transactions that change something while certificates are signed anew."""

    def __init__(self):
        self.phase_name, self.number = "", 0

    def phase(self, name, total=None):
        self.phase_name = name

    def count(self, statement):
        self.number += self.phase_name.startswith("certificates") and statement.startswith("BEGIN IMMEDIATE")


def test_certificates_are_signed_anew_many_at_a_time(home, monkeypatch):
    facts = {"shop_url": "http://a.example/", "admin_url": "http://a.example/admin/"}
    more = [home.put(home.order(), "live", facts=facts) for _ in range(6)]
    for job in more:
        home.certify(job, {"stages": {}}, [])
    monkeypatch.setattr(key_retirement, "ROWS_AT_ONCE", 4)
    engine, commits = home.service.installation.engine, Commits()
    monkeypatch.setattr(actor, "make_engine", lambda _url: engine)
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _cursor, text, *_more: commits.count(text))
    done = key_retirement.retire(home.config, home.agents.append, commits, at_once=False)
    # Two pages, and the row of the audit log
    assert done.signed == 7 and commits.number == 3
    service = open_service(home.config)
    assert [service.jobs.certificate(job.id)["job"] for job in more] == [job.id for job in more]


def test_the_command_asks_first(home, monkeypatch):
    monkeypatch.setattr(installation, "install_agent", lambda _config, known: home.agents.append(known))

    def command(*words, **more):
        return CliRunner().invoke(main, ["key", "retire", *words], env=home.environment, **more)

    assert command(input="n\n").exit_code == 1
    assert len(keys.old_files(home.config.keys)) == 4
    done = command("--yes")
    assert done.exit_code == 0 and "Sealed anew: 6" in done.output, done.output
    assert "no old keys" in command("--yes").output
