"""Several controllers on one database, or two people at once, get what one after the other would have got."""

import threading
from contextlib import suppress
from functools import partial

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.access import billing_keys, operators, second_factor
from controller.access.actor import command_line
from controller.cli import main
from controller.cli.servers import server as server_commands
from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading, transact
from controller.db.identities import logins
from controller.db.identities.api_keys import ApiKey
from controller.db.identities.logins import LoginThrottle
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.db.orders.request_log import RequestLog
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.keys import load_keys
from controller.setup import removal
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.state.installing import install
from tests.support.state.state_database import SERVERS

PASSWORD = "correct horse battery"
#: How long one waits for the other at the place where both have looked; where they come one by one it is in vain.
TOGETHER_SECONDS = 3
NOW = 1_700_000_000.0
#: A hang ends the test.
END_SECONDS = 120


@pytest.fixture(params=SERVERS)
def config(request, places):
    made = places.config(request.param)
    install(made)
    return made


def at_once(*works):
    """Run the works, each in a thread of its own; return what each returned, or the error it raised."""
    results = [None] * len(works)

    def run(number, work):
        try:
            results[number] = work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(END_SECONDS)
        assert not thread.is_alive()
    return results


def meet_before(engines, statement, parties=2):
    """Each thread that is about to run `statement` for the first time waits until all are."""
    barrier = threading.Barrier(parties)

    def reached(_connection, _cursor, text, *_rest):
        if text.startswith(statement):
            with suppress(threading.BrokenBarrierError):
                barrier.wait(TOGETHER_SECONDS)

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", reached)


SERVER = Server("web1", "local")
BUNDLE = Bundle("classic", "0" * 64, 1, "0" * 64, "prestashop", "8", 0.0)
#: What is added by name -> (how, where its row goes). Of a bundle the very same is there: nobody is refused.
ADDED = {
    "an operator": (lambda actor: operators.add(actor, "nora", PASSWORD), "operators"),
    "a key": (lambda actor: len(billing_keys.add(actor, ApiKey("billing"))), "api_keys"),
    "a server": (
        lambda actor: transact(actor.engine, lambda made: servers.add(made, Server("web1", "local"), 0.0)),
        "servers",
    ),
    "a bundle": (lambda actor: transact(actor.engine, lambda made: bundles.add(made, BUNDLE)), "bundles"),
}


@pytest.fixture
def actors(config):
    """Two processes of one installation."""
    made = [command_line(config) for _ in range(2)]
    yield made
    for actor in made:
        actor.engine.dispose()


@attack(
    "two operators, or two commands, add an operator, a key, a server or a bundle of the same name at the same instant",
    "one is added, and the other gets the answer that the name is taken",
)
@pytest.mark.parametrize("kind", ADDED)
def test_one_of_two_of_the_same_name_is_marked_as_such(actors, kind):
    add, table = ADDED[kind]
    meet_before([actor.engine for actor in actors], f"INSERT INTO {table}")
    found = at_once(*(partial(add, actor) for actor in actors))
    refused = [one for one in found if isinstance(one, Exception)]
    assert [getattr(one, "code", one) for one in refused] == ([] if kind == "a bundle" else ["name_taken"])


@attack(
    "two commands add keys, or operators, at the same instant, whose names differ in case alone",
    "one is added, and the other gets the answer that the name is taken",
)
@pytest.mark.parametrize("kind", ["operators", "api_keys"])
def test_one_of_two_similar_names_is_marked_as_such(config, actors, kind):
    operators.add(actors[0], "nora", PASSWORD)
    meet_before([actor.engine for actor in actors], f"INSERT INTO {kind}")
    adds = {
        "operators": lambda actor, name: operators.add(actor, name, PASSWORD),
        "api_keys": lambda actor, name: len(billing_keys.add(actor, ApiKey(name))),
    }
    found = at_once(*(partial(adds[kind], actor, name) for actor, name in zip(actors, ("Omid", "OMID"), strict=True)))
    assert [getattr(one, "code", "") for one in found].count("name_taken") == 1


@attack(
    "somebody guesses passwords, or codes of a second factor, at several servers of an installation at one instant",
    "they are counted one by one: no more are tried than one server would have let",
)
@pytest.mark.parametrize("what", ["passwords", "codes"])
def test_logins_of_several_servers_are_counted_one_by_one(config, actors, what):
    operators.add(actors[0], "nora", PASSWORD)
    engines = [actor.engine for actor in actors]
    throttles = [LoginThrottle(engine, lambda: NOW) for engine in engines]
    most = logins.MAX_PER_ADDRESS if what == "passwords" else logins.MAX_CODES
    tried = [
        partial(one.begin, "nora", "192.0.2.1") if what == "passwords" else partial(one.begin_code, "nora")
        for one in throttles
    ]
    for _ in range(most - 1):
        tried[0]()
    meet_before(engines, "INSERT INTO login_failures")
    found = at_once(*tried)
    assert [getattr(one, "code", one) for one in found if one is not None] == ["login_throttled"]


@attack("a billing's requests come to several servers at the same instant", "its rate holds over all of them")
def test_the_rate_of_a_key_holds_over_several_servers(actors):
    billing_keys.add(actors[0], ApiKey("billing", rate=1))
    engines = [actor.engine for actor in actors]
    logs = [RequestLog(engine, lambda: NOW) for engine in engines]
    meet_before(engines, "INSERT INTO used_signatures")
    found = at_once(*(partial(log.use_signature, f"v1=last{number}", "billing") for number, log in enumerate(logs)))
    assert [getattr(one, "code", one) for one in found if one is not None] == ["key_throttled"]


@attack(
    "two operators limit a key of a billing system at the same instant, one to a server, the other to fewer operations",
    "both limits hold: neither writes back what the key was allowed before",
)
def test_two_limits_of_a_key_both_hold(actors):
    billing_keys.add(actors[0], ApiKey("billing"))
    transact(actors[0].engine, lambda connection: servers.add(connection, SERVER, 0.0))
    meet_before([actor.engine for actor in actors], "UPDATE api_keys")
    limits = ({"servers": (SERVER.name,)}, {"operations": ()})
    at_once(*(partial(billing_keys.change, actor, "billing", **one) for actor, one in zip(actors, limits, strict=True)))
    found = billing_keys.get(actors[0], "billing")
    assert (found.servers, found.operations) == ((SERVER.name,), ())


@attack("two who have read the same recovery code use it at two servers at the same instant", "it serves once")
def test_a_recovery_code_serves_once_at_two_servers(actors):
    operators.add(actors[0], "nora", PASSWORD)
    _secret, codes = second_factor.begin(actors[0], "nora")
    meet_before([actor.engine for actor in actors], "UPDATE operators")
    found = at_once(
        *(partial(second_factor.accepts, actor.engine, actor.keys(), "nora", codes[0], NOW) for actor in actors)
    )
    assert sorted(map(str, found)) == ["False", "True"]


@attack(
    "two operators add different bundles by the same name at the same instant",
    "the one that is added is whole, and the other gets the answer that the name is taken",
)
def test_the_bundle_of_a_row_is_the_one_that_was_added(world):
    sources = [world.folder / f"{name}.bundle" for name in ("one", "two")]
    for number, source in enumerate(sources):
        world.add_bundle(source.stem, application={"name": "prestashop", "version": f"8.1.{number}"})
    refused = []
    second = threading.Thread(target=lambda: refused.extend(at_once(partial(add, world, sources[1]))))

    def reached(_connection, _cursor, text, *_rest):
        if text.startswith("INSERT INTO bundles") and not second.ident:
            second.start()
            second.join(TOGETHER_SECONDS)

    sa.event.listen(world.engine, "before_cursor_execute", reached)
    added = add(world, sources[0])
    second.join(END_SECONDS)
    assert [one.code for one in refused] == ["name_taken"]
    assert world.service.installation.bundles.path("both").read_bytes() == sources[0].read_bytes()
    assert world.service.installation.bundles.manifest(added)


def add(world, source):
    return Bundles(world.config, world.engine).add("both", source)


@attack(
    "one operator removes a bundle while another adds one of the same name",
    "the bundle that is there at the end has its file",
)
def test_a_bundle_that_is_added_while_it_is_removed_keeps_its_file(world, monkeypatch):
    object.__setattr__(world.config, "database_url", str(world.engine.url))
    source = world.folder / "classic.bundle"
    second = threading.Thread(target=lambda: Bundles(world.config, world.engine).add("classic", source))

    def removed(*about):
        remove(*about)
        second.start()
        # In vain where it waits for the removal
        second.join(1)

    remove = removal._remove
    monkeypatch.setattr(removal, "_remove", removed)
    removal.bundle(world.config, "classic")
    second.join(END_SECONDS)
    store = world.service.installation.bundles
    assert store.path("classic").read_bytes() == source.read_bytes() and store.get("classic")


def test_a_removal_that_was_cut_off_behind_the_bundles_row_goes_on(world):
    object.__setattr__(world.config, "database_url", str(world.engine.url))
    transact(world.engine, lambda made: bundles.remove(made, "classic"))
    removal.require_unused_bundle(world.config, "classic")
    removal.bundle(world.config, "classic")
    assert not world.service.installation.bundles.path("classic").exists()
    with pytest.raises(ShoplaunchError) as caught:
        removal.bundle(world.config, "classic")
    assert caught.value.code == "bundle_unknown"


@attack(
    "two operators change a server at the same instant, or one does while its token is sealed anew by a newer key",
    "both changes stay: nobody writes back what has changed since he read it",
)
def test_two_changes_of_a_server_both_stay(places, monkeypatch, tmp_path):
    config = places.config("sqlite")
    install(config)
    environment = {"SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_DATABASE_URL": config.database_url}
    engine, keys, token = command_line(config).engine, load_keys(config.keys), tmp_path / "token"
    token.write_text("B" * 32)
    row = Server("cp1", "cpanel", "https://cp1.example.com:2087", "root", keys.encrypt("A" * 32))
    transact(engine, lambda connection: servers.add(connection, row, 0.0))

    def set_server(*options):
        done = CliRunner().invoke(main, ["server", "set", "cp1", *options], env=environment)
        assert done.exit_code == 0, done.output

    opened, others = server_commands.open_panel, [("--token-file", str(token)), ("--option", "http_port=8080")]

    def beside_another(*arguments):
        if others:
            set_server(*others.pop())
        return opened(*arguments)

    monkeypatch.setattr(server_commands, "open_panel", beside_another)
    set_server("--option", "https_port=8443")
    with reading(engine) as connection:
        found = servers.get(connection, "cp1")
    assert found.settings == {"http_port": 8080, "https_port": 8443}
    assert keys.decrypt(found.token_encrypted or "") == "B" * 32
