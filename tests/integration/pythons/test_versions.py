"""The very same agent and launcher restore the same shop on every Python, and say so where there is none that fits."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from shared.errors import CODES, advice
from shared.events import check_event
from shared.schema import validate
from tests.integration.pythons.conftest import Account
from tests.support.machine.interpreters import interpreter
from tests.support.servers.private_machine import python2, series_of

SERIES = [f"3.{minor}" for minor in range(6, 14)]
#: Of all processes together.
MOST_MEMORY = 72 * 1024 * 1024
DEBIANS = "/usr/bin/python3"


@pytest.fixture(scope="module")
def pictures():
    """What the shop became, by interpreter."""
    return {}


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("series", ["system", *SERIES])
def test_the_same_shop_comes_of_the_same_agent_on(series, restore, bulk, tiny, machine, pictures):
    if series == "system":
        series = series_of(DEBIANS)
    else:
        machine.with_first(interpreter(series))
    found, least = restore(bulk, machine), restore(tiny, machine)
    assert found.evidence["python"].startswith(f"{series}.")
    pictures["first"] = pictures.get("first") or found.picture
    assert found.picture == pictures["first"]
    took_what_it_had_to(found, least)


def took_what_it_had_to(found, least):
    """Each byte was read once and written once, as the agent counts and as the kernel does, in little memory."""
    assert 0.95 * found.size < found.evidence["bytes_read"] <= 1.05 * found.size
    assert 0.95 * found.files < found.evidence["bytes_written"] <= 1.05 * found.files
    read, written = found.usage.read - least.usage.read, found.usage.written - least.usage.written
    assert 0.95 * (found.size - least.size) < read <= 1.05 * (found.size - least.size)
    assert 0.95 * (found.files - least.files) < written <= 1.05 * (found.files - least.files)
    assert 0 < found.usage.pss <= MOST_MEMORY


def only_python2(machine, tmp_path):
    machine.with_system(None, python2())
    machine.with_alternative(python2())


def only_python35(machine, tmp_path):
    """A double: Debian's own, whose version is that of a Python 3.5 for every caller."""
    double = tmp_path / "python3.5"
    lie = "import sys; sys.version_info = (3, 5, 10, 'final', 0); exec(sys.argv[1])"
    double.write_text(f"""#!/bin/sh
case $1 in
-V) echo Python 3.5.10 ;;
-I) [ "$1 $2 $3" = "-I -S -c" ] && exec /opt/double/python -I -S -c "{lie}" "$4" ;;
esac
""")
    double.chmod(0o755)
    machine.put(Path(DEBIANS).resolve(), "/opt/double/python")
    machine.with_system(None, double)


def no_python(machine, tmp_path):
    machine.with_system(None, "/dev/null")


@pytest.fixture
def shop_of_its_own(mariadb_server, tiny, controller, keys, agent):
    """Return a function that makes an account for a small shop."""
    return partial(Account, mariadb_server, tiny, controller, keys, agent)


@pytest.mark.parametrize("world", [only_python2, only_python35, no_python], ids=lambda world: world.__name__)
def test_without_a_fitting_python_the_controller_is_notified_once(
    world, machine, tmp_path, controller, shop_of_its_own
):
    world(machine, tmp_path)
    with closing(shop_of_its_own()) as shop:
        shop.drop()
        for _tick in range(2):
            process = shop.start(on=machine)
            assert (process.communicate(timeout=120), process.returncode) == (("", ""), 3)
        ((status, event),) = controller.events
        assert (status, event["event"], event["job"], event["attempt"]) == (202, "failed", shop.id, 1)
        assert check_event(event)["error"] == {
            "code": "python_missing",
            "message": "no Python 3.6 or newer with ssl, zlib and fcntl was found",
            "advice": advice("python_missing"),
            "retryable": CODES["python_missing"]["retryable"],
        }
        assert validate("state", shop.state, "stale_state")["error"] == "python_missing"
        assert shop.tables() == set()
        # An operator who installs a Python then needs no more than the next tick
        assert shop.run() == 0
