"""The drivers that keep the contract; a new one joins with one more class and one more name."""

import http.client

import pytest

from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.api.whm import Login
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.server import Known
from controller.panels.cpanel.settings import CpanelSettings
from controller.panels.cpanel.skeleton import skeleton
from tests.fakes.whm import Quirks, WhmDouble
from tests.fakes.whm.work import hands
from tests.support.servers.local_server import FILES, LocalServer


class LocalDriver:
    """The `local` panel on a private server."""

    name = "local"
    files = FILES
    #: Whether the panel writes files of any bytes; whether those who are no users any more are thrown out.
    binary = True
    ends_connections = True

    def __init__(self):
        self._server = LocalServer().start()
        self.panel = self._server.panel()

    def new_user(self):
        """Return an account name nobody has."""
        return self._server.new_user()

    def database_login(self, account, user, password, database):
        """Return a connection made as the account's processes make it."""
        import pymysql

        endpoint = self.panel.database_endpoint(account)
        assert endpoint.host == "localhost"
        return pymysql.connect(
            unix_socket=endpoint.socket, user=user, password=password.encode(), database=database, charset="utf8mb4"
        )

    def get(self, account, path):
        """Return (status, body) of a request for the account's domain at the address the panel names."""
        return get(self.panel.site_address(account), account.domain, path)

    def close(self):
        """Remove everything."""
        self._server.stop()


class CpanelDriver:
    """The `cpanel` panel on a WHM double, with root's token."""

    name = "cpanel"
    files = FILES
    binary = False
    # What cPanel does about them nobody says; through its API nothing can be done.
    ends_connections = False
    settings = {"skeleton": "root"}

    def __init__(self):
        # The contract's passwords are weak.
        self._whm = WhmDouble(Quirks(mysql_strength=0)).start()
        self._breaker = ProcessBreaker()
        self._user, self._token = self._login()
        # The controller runs on this very server, for the skeleton of root.
        self._patches = pytest.MonkeyPatch()
        self._patches.setattr(skeleton, "ROOT_HOME", self._whm.skeleton().parent)
        self._patches.setattr(skeleton, "CPANEL", self._whm.server.directory)

    def _login(self):
        return "root", self._whm.root_token

    @property
    def panel(self):
        """A new driver object, as every step of a job has its own."""
        settings = CpanelSettings.from_dict({**self.settings, "http_port": self._whm.http_port})
        login = Login("contract", self._whm.url, self._user, self._token, self._whm.ca_file)
        return CpanelPanel(login, settings, self._breaker, known=Known(starter_key=b"contract"))

    def new_user(self):
        """Return an account name nobody has."""
        return self._whm.new_user()

    def database_login(self, account, user, password, database):
        """Return a connection made as the account's processes make it: by the socket of the account's configuration."""
        import pymysql

        assert self.panel.database_endpoint(account).host == "localhost"
        return pymysql.connect(
            read_default_file=f"{account.home}/.my.cnf",
            user=user,
            password=password.encode(),
            database=database,
            charset="utf8mb4",
        )

    def get(self, account, path):
        """Return (status, body) of a request for the account's domain at the address the panel names."""
        return get(self.panel.site_address(account), account.domain, path)

    def lay(self, account, path, content):
        """The account itself puts a file there, as its agent does with what it fetched."""
        hosting = self._whm.account(account.user)
        hands.run(hosting, "write", f"{account.home}/{path}", content=content, mode=0o600)

    def close(self):
        """Remove everything; fails when a call broke the protocol."""
        self._patches.undo()
        self._whm.close()
        self._whm.check()


class ResellerDriver(CpanelDriver):
    """The same with a reseller's token."""

    settings = {"skeleton": "reseller"}
    has_skeleton = True

    def _login(self):
        return self._whm.reseller()


def get(address, host, path):
    """Return (status, body) of a request to `address` for `host`."""
    connection = http.client.HTTPConnection(address.ip, address.port, timeout=120)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


DRIVERS = {"local": LocalDriver, "cpanel-root": CpanelDriver, "cpanel-reseller": ResellerDriver}


@pytest.fixture(scope="package", params=sorted(DRIVERS))
def driver(request):
    """One driver with a real server behind it."""
    driver = DRIVERS[request.param]()
    yield driver
    driver.close()
