"""Which servers are a worker's own: all, those it is given by name, those of a region."""

import pytest

from controller.jobs.engine.broker import messages
from controller.jobs.engine.capacity.own_servers import ALL, OwnServers
from shared.errors import ShoplaunchError


def test_without_names_every_server_is_its_own():
    assert "web1" in ALL and ALL.text == ""


def test_names_and_patterns_say_which_are():
    own = OwnServers(("web1", "eu-*"))
    found = [name for name in ("web1", "web11", "eu-1", "EU-1", "us-1", "eu") if name in own]
    assert (found, own.text) == (["web1", "eu-1"], "web1, eu-*")


@pytest.mark.parametrize("pattern", ["", "web 1", "web1,web2", "[a-z]", "x" * 64, "web\n1", "وب"])
def test_what_is_no_name_of_a_server_is_refused(pattern):
    with pytest.raises(ShoplaunchError) as caught:
        OwnServers(("web1", pattern))
    assert caught.value.code == "config_invalid"


def test_more_than_can_be_stored_is_refused():
    with pytest.raises(ShoplaunchError):
        OwnServers(tuple(f"server-with-a-long-name-{n}" for n in range(30)))


@pytest.mark.parametrize(
    ("retries", "passed"),
    [(0, 0), (3, 3), (messages.MOST_PASSED - 1,) * 2]
    + [(other, messages.MOST_PASSED) for other in (messages.MOST_PASSED, 10**30, -1, True, 1.5, "1", None, [1])],
)
def test_a_hint_says_how_often_it_was_passed_on_and_nonsense_is_passed_on_no_more(retries, passed):
    said = messages.read("application/json", {"task": messages.HINT, "retries": retries}, b'[["web1"], {}, {}]')
    assert said == (messages.HINT, "web1", passed)
