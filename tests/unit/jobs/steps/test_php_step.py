"""Step php asks for the PHP the application was made for, and only then for one it is known to run on."""

import pytest

from controller.jobs.steps.php import chosen
from shared.errors import ShoplaunchError


class Server:
    """A panel's `ensure_php` on a server with these PHPs."""

    def __init__(self, *versions, trouble=None):
        self._versions = [tuple(map(int, version.split("."))) for version in versions]
        self._trouble = trouble
        self.asked = []

    def __call__(self, account, minimum, maximum, extensions):
        self.asked.append((minimum, maximum))
        if self._trouble:
            raise ShoplaunchError(self._trouble, "no")
        least, newest = tuple(map(int, minimum.split(".")[:2])), tuple(map(int, (maximum or "99.0").split(".")))
        fitting = [version for version in self._versions if least <= version <= newest]
        if not fitting:
            raise ShoplaunchError("panel_refused", "no PHP fits")
        return ".".join(map(str, max(fitting)))


def manifest(preferred=None):
    needs = {"min": "7.2.5", "max": "8.4", "extensions": ["intl"]}
    return {"requirements": {"php": needs if preferred is None else {**needs, "preferred": preferred}}}


def test_the_php_it_was_made_for_comes_before_a_newer_one():
    server = Server("7.4", "8.1", "8.4")
    assert chosen(server, None, manifest("8.1")) == "8.1"
    assert server.asked == [("7.2.5", "8.1")]


def test_where_the_server_has_none_of_these_a_newer_one_serves():
    server = Server("7.1", "8.3", "8.5")
    assert chosen(server, None, manifest("8.1")) == "8.3"
    assert server.asked == [("7.2.5", "8.1"), ("7.2.5", "8.4")]


def test_a_bundle_that_prefers_none_is_asked_for_once():
    server = Server("8.1", "8.4")
    assert chosen(server, None, manifest()) == "8.4"
    assert server.asked == [("7.2.5", "8.4")]


@pytest.mark.parametrize(("trouble", "times"), [("panel_unreachable", 1), ("panel_refused", 2)])
def test_another_trouble_than_a_missing_php_is_no_reason_to_take_a_newer_one(trouble, times):
    server = Server("8.4", trouble=trouble)
    with pytest.raises(ShoplaunchError) as caught:
        chosen(server, None, manifest("8.1"))
    assert caught.value.code == trouble
    assert len(server.asked) == times
