"""A WHMCS with the addon: before the controller's real web application, or before one that answers as configured."""

import time

import pytest

from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from tests.fakes.whmcs_php.harness import Whmcs
from tests.integration.addon import recorder
from tests.support.state.services import job_of_service
from tests.support.worlds.web_site import KEY, Site

PRODUCTS = "3 = boutique\r\n5=boutique\r\n"


@pytest.fixture(scope="package")
def site():
    """A running controller that knows WHMCS's server by its host name."""
    server = Server("web1", "local", url="https://web1.example.net:2087")
    with Site() as made:
        transact(made.service.installation.engine, lambda connection: servers.add(connection, server, time.time()))
        yield made.start()


@pytest.fixture
def bare(mariadb_server):
    """A WHMCS on which the addon was never activated."""
    made = Whmcs(mariadb_server)
    # Services of different tests are different for the one controller
    made.query(f"ALTER TABLE tblhosting AUTO_INCREMENT = {time.monotonic_ns() // 1000 % 900_000_000 + 1000}")
    yield made
    made.close()


@pytest.fixture
def whmcs(bare, site):
    """A WHMCS whose addon speaks with the real controller."""
    bare.activate(controller_url=site.url, api_key=KEY, api_secret=site.secret, products=PRODUCTS)
    return bare


@pytest.fixture
def controller():
    """A controller that answers as configured (recorder.Recorder); nothing unsigned may have come to it."""
    made = recorder.Recorder()
    yield made
    made.close()
    assert made.wrong == []


@pytest.fixture
def watched(bare, controller):
    """A WHMCS whose addon speaks with `controller`."""
    bare.activate(controller_url=controller.url, api_key=recorder.KEY, api_secret=recorder.SECRET, products=PRODUCTS)
    return bare


@pytest.fixture
def job_of(site):
    """Return the controller's job of a service of WHMCS."""

    def find(service):
        return job_of_service(site.service, str(service))

    return find
