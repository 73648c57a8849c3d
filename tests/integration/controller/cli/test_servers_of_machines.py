"""The machine of a server of panel `local`: noted when it is added, moved by `server set --here`, shown."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from controller import this_machine as machines
from controller.cli import main
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.doctor.servers import each_server
from controller.panels.registry import open_panel
from controller.settings.loading import load_config
from controller.setup.machines import unbound_checks
from controller.this_machine import Machine, this_machine
from tests.support.machine import machine_ids
from tests.support.state.installing import install

ELSEWHERE = Machine("another", "web9")


class House:
    """An installation; its database is `engine`."""

    def __init__(self, home):
        self.environment = {"SHOPLAUNCH_HOME": str(home)}
        self.config = load_config(self.environment)
        install(self.config)
        self.engine = make_engine(self.config.database_url)

    def __call__(self, *words):
        """Run the command; return its result."""
        return CliRunner().invoke(main, list(words), env=self.environment)

    def server(self, name):
        with reading(self.engine) as connection:
            return servers.get(connection, name)

    def add(self, row):
        transact(self.engine, lambda connection: servers.add(connection, row, 1.0))


@pytest.fixture(autouse=True)
def _has_an_id(monkeypatch, tmp_path):
    machine_ids.give_one(monkeypatch, tmp_path)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.engine.dispose()


def test_a_server_that_is_added_belongs_to_this_machine(house):
    assert house("server", "add", "web1", "--panel", "local").exit_code == 0
    assert house.server("web1").machine == this_machine()
    (row,) = json.loads(house("server", "list", "--json").output)
    assert row["machine"] == this_machine().host


def test_a_machine_without_an_id_is_not_noted(house, monkeypatch):
    monkeypatch.setattr(machines, "FILES", ())
    assert house("server", "add", "web1", "--panel", "local").exit_code == 0
    assert house.server("web1").machine is None
    done = house("server", "set", "web1", "--here")
    assert done.exit_code == 1 and "/etc/machine-id" in done.output + done.stderr


def test_an_operator_moves_it_here(house):
    house.add(Server("web1", "local", settings={}).on(ELSEWHERE))
    assert house("server", "set", "web1", "--here").exit_code == 0
    assert house.server("web1").machine == this_machine()


def test_servers_that_are_called_belong_to_no_machine(house):
    house.add(Server("cp1", "cpanel", url="https://host.example:2087", user="root"))
    done = house("server", "set", "cp1", "--here")
    assert done.exit_code == 2 and "belong to no machine" in done.output
    assert house.server("cp1").machine is None


def test_a_server_of_another_machine_is_not_looked_at_from_here(house):
    house.add(Server("web1", "local").on(ELSEWHERE))
    done = house("server", "check", "web1", "--json")
    first = json.loads(done.output)[0]
    assert done.exit_code == 1 and first["name"] == "machine" and "web9" in first["message"]
    (row,) = each_server(house.config)
    assert (row.name, row.ok, row.optional) == ("web1: machine", False, True)
    assert "web9" in row.message and "server set web1 --here" in row.advice


@pytest.mark.parametrize(("url", "is_said"), [("mysql://u:p@h/x", True), ("postgresql://h/x", True), ("", False)])
def test_doctor_says_where_workers_of_every_machine_may_take_its_jobs(house, url, is_said):
    config = replace(house.config, database_url=url or house.config.database_url)
    assert bool([*unbound_checks(config, Server("web1", "local"))]) == is_said
    assert not [*unbound_checks(config, Server("web1", "local").on(ELSEWHERE))]
    assert not [*unbound_checks(config, Server("cp1", "cpanel"))]


def test_the_machine_is_no_setting_of_the_panel(house):
    assert open_panel(house.config, Server("web1", "local").on(this_machine())).kind == "local"
