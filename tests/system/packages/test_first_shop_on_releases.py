"""Debian 12 and Ubuntu 24.04 with systemd as process 1: from the package to a living shop, restarts, purge."""

import os
import shutil

import pytest

from tests.support.waiting import wait_until
from tests.system.packages.machines.bases import base_of
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import (
    SERVICES,
    UNITS,
    answers,
    block_from,
    followed,
    is_active,
    log_of,
    main_process,
    purged,
    red_rows,
    sell_and_leave,
    until_live,
)

pytestmark = [pytest.mark.root, pytest.mark.nightly]
INIT = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "ca-certificates")


def of_the_page():
    """Return the packages that the page installs for a server of one's own."""
    return block_from("apt install mariadb-server")[0].split()[2:]


@pytest.fixture(scope="module", params=["bookworm", "noble"])
def machine(request, package, tmp_path_factory):
    """A machine whose operator has followed the page, up to the first shop's order; `job` is its job."""
    folder = tmp_path_factory.mktemp(request.param)
    base = base_of(request.param, ("python3-venv", "man-db"), (*INIT, *of_the_page()), folder / "base")
    made = Machine(folder / "first", base, prepared=SERVICES)
    try:
        made.job = followed(made, package)
        yield made
    finally:
        made.close()
        if "SHOPLAUNCH_TEST_BASES" not in os.environ:
            shutil.rmtree(base)


def test_the_page_leads_from_the_package_to_a_living_shop(machine):
    until_live(machine, machine.job)
    assert answers(machine, "alice.example.com") == 200
    assert all(is_active(machine, unit) for unit in UNITS)
    assert "not quite as cron does" not in log_of(machine, *UNITS)
    assert red_rows(machine) == set()


def test_web_and_worker_come_back_after_a_kill(machine):
    for unit in UNITS:
        former = main_process(machine, unit)
        machine.run("kill", "-KILL", former)
        wait_until(lambda: main_process(machine, unit) not in ("0", former) and is_active(machine, unit))


def test_a_job_in_flight_goes_on_after_a_restart_of_the_machine(machine):
    job = sell_and_leave(machine, "bob")
    machine.reboot()
    assert all(is_active(machine, unit) for unit in UNITS)
    until_live(machine, job)
    assert answers(machine, "bob.example.com") == answers(machine, "alice.example.com") == 200


def test_a_purge_leaves_living_shops_and_nothing_else(machine):
    purged(machine)
    machine.reboot()
    assert answers(machine, "alice.example.com") == answers(machine, "bob.example.com") == 200
