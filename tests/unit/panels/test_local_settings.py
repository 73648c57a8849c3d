"""The local panel's settings: defaults, what is refused, and the round trip of PHP versions."""

import pytest

from controller.panels.local.php_versions import PhpFpm
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError

PHP = {"version": "8.1", "command": ["/usr/sbin/php-fpm8.1"], "pools": "/p", "sockets": "/s", "reload": ["true"]}


def test_nothing_given_means_debian_s_own_places():
    settings = LocalSettings.from_dict({})
    assert (settings.home_base, settings.http_port, settings.apache) == ("/home", 80, ("apachectl",))


def test_php_versions_are_sorted_by_number_and_survive_the_round_trip():
    versions = [dict(PHP, version=version) for version in ("7.4", "8.10", "8.4")]
    settings = LocalSettings.from_dict({"php": versions})
    assert [php.version for php in settings.php] == ["8.10", "8.4", "7.4"]
    assert LocalSettings.from_dict({"php": [php.as_dict() for php in settings.php]}) == settings
    assert PhpFpm.from_dict(PHP).as_dict() == PHP


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"no_such": 1}, "no_such"),
        ({"home_base": "home"}, "home_base"),
        ({"home_base": "/home/../etc"}, "home_base"),
        ({"home_base": 5}, "home_base"),
        ({"apache": "apachectl -t"}, "apache"),
        ({"apache": []}, "apache"),
        ({"http_port": "80"}, "http_port"),
        ({"http_port": True}, "http_port"),
        ({"http_port": 0}, "http_port"),
        ({"document_root": "/public_html"}, "document_root"),
        ({"document_root": "../x"}, "document_root"),
        ({"document_root": ""}, "document_root"),
        ({"php": "8.1"}, "php"),
        ({"php": [{"version": "8.1"}]}, "php"),
    ],
)
def test_a_wrong_setting_is_named(values, named):
    with pytest.raises(ShoplaunchError) as failure:
        LocalSettings.from_dict(values)
    assert failure.value.code == "config_invalid"
    assert named in str(failure.value)
