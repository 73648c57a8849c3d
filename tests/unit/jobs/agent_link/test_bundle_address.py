"""Which address a job file names: the store's, for agents that ask for a new one when it expires."""

import io
import json
import zipfile
from dataclasses import replace

import pytest

from controller.agent_archive.abilities import JOB, renews_addresses, schema_in
from controller.db.bundles import Bundle
from controller.jobs.agent_link import bundle_address
from controller.settings.sections import BundleStoreConfig, Config
from shared.schema import load_schema
from tests.unit.object_store.test_signing import GOOD, NOW

OWN = "http://127.0.0.1:8000/api/v1/agent/bundle/classic"
BUNDLE = Bundle("classic", "0" * 64, 9, "1" * 64, "prestashop", "8.2.1", 0.0, store_key="classic-00.bundle")


def agent(schema):
    """Return an agent that accepts the job files of `schema`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(schema_in(JOB), json.dumps(schema))
    return buffer.getvalue()


NEW = agent(load_schema("job"))


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path, bundle_store=BundleStoreConfig(**GOOD))


def test_an_agent_gets_the_stores_address_and_where_the_next_one_is_made(config):
    found = bundle_address.in_job_file(config, BUNDLE, NEW, NOW)
    assert found["url"].startswith("https://s3.example.com/shops/classic-00.bundle?X-Amz-Algorithm=")
    assert found["renew"] == f"{OWN}/address"


def test_an_agent_of_an_earlier_version_gets_a_job_file_as_it_knows_them(config):
    schema = json.loads(json.dumps(load_schema("job")))
    del schema["properties"]["bundle"]["properties"]["renew"]
    assert bundle_address.in_job_file(config, BUNDLE, agent(schema), NOW) == {"url": OWN}


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", agent([]), agent({"properties": {}})])
def test_an_agent_that_does_not_say_what_it_knows_gets_the_controllers_address(content):
    assert not renews_addresses(content)


def test_a_bundle_that_is_not_in_the_store_is_fetched_from_the_controller(config):
    assert bundle_address.in_job_file(config, replace(BUNDLE, store_key=None), NEW, NOW) == {"url": OWN}


def test_where_the_store_was_given_up_running_agents_are_sent_to_the_controller(tmp_path):
    assert bundle_address.of(Config(tmp_path), BUNDLE, NOW) == OWN
