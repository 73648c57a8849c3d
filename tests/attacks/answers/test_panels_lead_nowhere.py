"""Where a panel says that a shop is, another machine is: the controller visits neither itself nor its cloud."""

import pytest

from controller.account import Account
from controller.panels.cpanel.api import whm
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.settings import CpanelSettings
from tests.attacks.table import attack

ACCOUNT = Account("alice", "/home/alice", "/home/alice/public_html", "shop.example")
HOST = "web1.example"
#: Ourselves, by whatever name; the cloud we live in; everybody; what is no address and would be looked up.
LEAD = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0",
    "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "224.0.0.1", "localhost", "metadata.google.internal",
    "0x7f000001", "2130706433", "127.1", "192.0.2.1@127.0.0.1", "192.0.2.1:80", "", None, 2130706433, ["127.0.0.1"],
)  # fmt: skip


def visited(monkeypatch, reported, **settings):
    """Return where the shop is visited when the panel says that it is at `reported`."""
    data = {"documentroot": ACCOUNT.document_root, "homedir": ACCOUNT.home, "domain": ACCOUNT.domain, "ip": reported}
    answer = {"metadata": {"result": 1}, "data": {"uapi": {"status": 1, "data": data}}}
    monkeypatch.setattr(whm.Whm, "_post", lambda *_call: answer)
    login = whm.Login("web1", f"https://{HOST}:2087", "root", "TOKEN")
    return CpanelPanel(login, CpanelSettings.from_dict(settings), ProcessBreaker()).site_address(ACCOUNT).ip


@attack(
    "a panel says that a shop lies at an address of the controller's own machine, of its cloud, or at a name",
    "the shop is visited at the server's own address, which the operator has named",
)
@pytest.mark.parametrize("reported", LEAD, ids=map(str, LEAD))
def test_no_panel_leads_us_to_ourselves(monkeypatch, reported):
    assert visited(monkeypatch, reported) == HOST


@pytest.mark.parametrize("reported", ["192.0.2.7", "10.0.0.7", "2001:db8::7"])
def test_where_a_site_has_an_address_of_its_own_it_is_visited_there(monkeypatch, reported):
    assert visited(monkeypatch, reported) == reported
    assert visited(monkeypatch, reported, http_ip="127.0.0.1") == "127.0.0.1"
