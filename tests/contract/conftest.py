"""The drivers that keep the contract; a new one joins with one more class and one more name."""

import http.client

import pytest

from tests.local_server import FILES, LocalServer


class LocalDriver:
    """The `local` panel on a private server."""

    name = "local"
    files = FILES

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
        address = self.panel.site_address(account)
        connection = http.client.HTTPConnection(address.ip, address.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": account.domain})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def close(self):
        """Remove everything."""
        self._server.stop()


DRIVERS = {"local": LocalDriver}


@pytest.fixture(scope="session", params=sorted(DRIVERS))
def driver(request):
    """One driver with a real server behind it."""
    driver = DRIVERS[request.param]()
    yield driver
    driver.close()
