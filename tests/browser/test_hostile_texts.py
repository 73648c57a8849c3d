"""Whatever texts accounts, panels, orders and people have left in the database, every page shows them as texts.

They are put into the rows themselves, past everything that would refuse or clean them on the way.
"""

import json

import pytest
import sqlalchemy as sa

from controller.access import operators
from controller.access.actor import command_line
from controller.db import tables
from controller.db.connection.engine import transact
from controller.settings.loading import load_config
from controller.setup import installation
from tests.browser import access_states, client_states, upkeep_states  # noqa: F401 - they register their states
from tests.browser.chromium.chrome import chrome
from tests.browser.states import LOOKER, STATES
from tests.browser.test_accessibility import enter
from tests.support.worlds.web_site import PASSWORD, Site

pytestmark = pytest.mark.browser
SCRIPT = (
    "\"'></title></script><script>window.hurt=1</script><img src=x onerror=window.hurt=1><a href=javascript:hurt=1>"
)
WORDS = SCRIPT + "\u202e\u2067" + "W" * 100_000
#: Table -> columns of words.
COLUMNS = {
    "jobs": ("domain", "email", "account", "service_id", "signed_by"),
    "servers": ("url", "user", "ca_file", "locked_reason"),
    "server_breakers": ("reason",),
    "bundles": ("application", "version"),
    "refused_orders": ("domain", "bundle", "service_id", "signed_by"),
    "steps": ("note",),
    "audit": ("user", "detail"),
    "operator_sessions": ("address",),
    "agent_starts": ("reason",),
}
#: Table -> columns of documents with words.
DOCUMENTS = {
    "jobs": ("error", "order", "facts", "progress"),
    "steps": ("error",),
    "refused_orders": ("error",),
    "services": ("error",),
    "events": ("body",),
}
KEYS = {"message", "advice", "note", "reason", "shop_name", "first_name", "last_name", "email", "domain", "tls_reason"}
WIDTHS = (390, 1280)
#: Whether a script ran, and how much wider than the window the page is.
LOOK = "return [window.hurt || 0, document.documentElement.scrollWidth - innerWidth]"


def hostile(value, key=""):
    if isinstance(value, dict):
        return {name: hostile(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [hostile(one, key) for one in value]
    return WORDS if isinstance(value, str) and key in KEYS else value


def spoil(connection):
    """Every text of the database that somebody else may have written is a hostile one."""
    for name, columns in COLUMNS.items():
        table = tables.metadata.tables[name]
        for column in columns:
            words = WORDS[: table.c[column].type.length]
            connection.execute(sa.update(table).where(table.c[column] != "").values({column: words}))
    # Some states order for the same domain, and do not see that there is such a job
    connection.execute(sa.update(tables.jobs).values(order_key=None, domain_key=None, account_key=None))
    for name, columns in DOCUMENTS.items():
        table = tables.metadata.tables[name]
        keys = list(table.primary_key.columns)
        for column in columns:
            for row in connection.execute(sa.select(*keys, table.c[column]).where(table.c[column].is_not(None))).all():
                changed = json.dumps(hostile(json.loads(row[-1])))
                if changed != row[-1]:
                    same = sa.and_(*(key == value for key, value in zip(keys, row[:-1], strict=True)))
                    connection.execute(sa.update(table).where(same).values({column: changed}))


@pytest.fixture(scope="module")
def spoiled():
    with Site() as running:
        config = load_config(running.environment)
        installation.set_operator(config, LOOKER, PASSWORD)
        operators.set_role(command_line(config), LOOKER, "look")
        yield running.start()


@pytest.fixture(scope="module")
def driver():
    with chrome() as driver:
        yield driver


@pytest.mark.sampled(of=6)
@pytest.mark.parametrize("name", [name for name, one in STATES.items() if one.status == 200 and not one.empty])
def test_hostile_texts_are_texts_and_stay_in_the_page(spoiled, driver, name):
    state = STATES[name]
    enter(spoiled, driver, spoiled.signed_in(state.user).cookies, ("en", "fa")[len(name) % 2])
    state.open(spoiled, driver)
    transact(spoiled.service.installation.engine, spoil)
    for width in WIDTHS:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(driver.current_url)
        hurt, wider = driver.execute_script(LOOK)
        assert (hurt, wider <= 0) == (0, True), (driver.current_url, width, wider)
