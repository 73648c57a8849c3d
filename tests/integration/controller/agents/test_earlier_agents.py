"""An agent kept from an earlier version gets the jobs it understands, and no others: no job fails for its age."""

import json
import zipfile

import pytest

from controller.agent_archive import versions
from controller.agent_archive.abilities import JOB, schema_in
from controller.db.connection.engine import transact
from controller.db.machines import channels
from controller.db.machines.channels import Channel
from controller.setup.installation import install_own_agent
from tests.support.state.earlier import AGENT, Left

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def earlier(world):
    """The version of an agent of an installation's first version: it knows no socket of the controller's."""
    agent = versions.trusting(Left("9e78168").content(AGENT), world.keys.public_keys())
    (world.config.agent / "agent.pyz").write_bytes(agent)
    version = versions.keep(world.config.agent)
    install_own_agent(world.config)
    transact(world.engine, lambda connection: channels.write(connection, Channel("stable", version)))
    return version


def placed(world):
    return (world.panel.base / "alice" / ".shoplaunch" / "agent.pyz").read_bytes()


def test_a_job_file_that_it_would_refuse_goes_to_the_installed_agent(world, earlier):
    job, _agent = world.dropped()
    installed = versions.installed(world.config.agent)
    assert (placed(world), world.job(job).agent) == (installed.agent, installed.version)
    assert world.steps(job)["drop"].note == f"attempt 1; instead of the agent {earlier}"


def test_a_bundle_that_it_would_refuse_goes_to_the_installed_agent(world):
    kept = without(world, "manifest", lambda schema: schema["properties"].pop("checks"))
    job, _agent = world.dropped()
    assert world.job(job).agent == versions.installed(world.config.agent).version != kept


def test_a_job_that_it_understands_is_its_own(world):
    kept = without(world, JOB, lambda schema: schema["properties"]["bundle"]["properties"].pop("renew"))
    job, _agent = world.dropped()
    assert world.job(job).agent == kept


def without(world, kind, change):
    """An agent that does not know some words of these documents is the channel's; return its version."""
    install_own_agent(world.config)
    whole = (world.config.agent / "agent.pyz").read_bytes()
    with zipfile.ZipFile(world.config.agent / "agent.pyz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members[schema_in(kind)])
    change(schema)
    with zipfile.ZipFile(world.config.agent / "agent.pyz", "w") as archive:
        for name, content in {**members, schema_in(kind): json.dumps(schema).encode()}.items():
            archive.writestr(name, content)
    version = versions.keep(world.config.agent)
    (world.config.agent / "agent.pyz").write_bytes(whole)
    transact(world.engine, lambda connection: channels.write(connection, Channel("stable", version)))
    return version
