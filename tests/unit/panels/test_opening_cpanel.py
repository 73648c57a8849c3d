"""What a cPanel server is added with: an address at which WHM answers."""

import pytest

from controller.panels.cpanel.opening import address
from shared.errors import ShoplaunchError


@pytest.mark.parametrize(("given", "meant"), [
    ("web1.example.net", "https://web1.example.net:2087"), ("https://web1.example.net:2087/", "https://web1.example.net:2087"),
    ("https://whm.example.net:443", "https://whm.example.net:443"), ("https://[2001:db8::1]", "https://[2001:db8::1]:2087"),
])  # fmt: skip
def test_an_address_gets_the_port_of_whm_unless_it_has_one(given, meant):
    assert address(given) == meant


@pytest.mark.parametrize(("port", "whose"), [(2082, "cPanel"), (2083, "cPanel"), (2086, "TLS"), (2096, "webmail")])
def test_a_port_of_another_service_is_refused_and_the_right_one_named(port, whose):
    with pytest.raises(ShoplaunchError) as caught:
        address(f"https://web1.example.net:{port}")
    assert caught.value.code == "config_invalid"
    assert whose in caught.value.message and "2087" in caught.value.message
