"""The servers' page tells how agents start on each, and what came of it last."""

import requests

from controller.db import servers
from controller.db.connection.engine import transact
from tests.integration.web.test_pages import TIMEOUT, sign_in


def test_how_agents_start_and_what_came_of_it_is_on_the_servers_page(site):
    def known(connection):
        for name, panel in (("begun", "local"), ("cannot", "local"), ("left", "cpanel"), ("new", "local")):
            servers.add(connection, servers.Server(name, panel), 1.0)
        servers.note_start(connection, "begun", "account", "", 2.0)
        servers.note_start(connection, "cannot", "", "php_not_the_account", 2.0)

    transact(site.service.installation.engine, known)
    browser = requests.Session()
    sign_in(site, browser)
    page = browser.get(site.url + "/admin/servers", timeout=TIMEOUT).text
    assert 'data-start="auto">At once, as the account<' in page
    assert "By cron: PHP does not run as the account<" in page
    assert 'data-start="cron">By cron<' in page and 'data-start="auto">–<' in page
