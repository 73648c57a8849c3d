"""One chain for all tests of this folder: three cPanel servers, and the shops that wait for real cron together."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.whmcs_php.harness import ORDERS
from tests.integration.chain.habits import HABITS_OF_CRON
from tests.integration.chain.outcome import WELCOME
from tests.support.sampling import running
from tests.support.waiting import wait_until
from tests.support.worlds.chain import Chain, Sold
from tests.support.worlds.whole import BUNDLE

SECONDS = 600
#: What accounts are created with, and the languages of those who order there.
BIRTHS = {
    "root, nothing in the skeleton": ("cp-root", None, ("farsi",)),
    "root, skeleton by SSH": ("cp-root", (), ("english", "farsi")),
    "reseller, skeleton by his account": ("cp-reseller", (), ("english", "farsi")),
    "reseller, bundle in the skeleton": ("cp-bare", ("--with-bundle", BUNDLE, "--yes"), ("farsi",)),
    "reseller, nothing in the skeleton": ("cp-bare", None, ("english", "farsi")),
}
SHOPS = [(birth, language) for birth, (_server, _words, languages) in BIRTHS.items() for language in languages]


@dataclass
class Shop:
    """A shop of the many: what was seen of it before it was begun, and what it is at the end."""

    sold: Sold
    born: tuple
    before: list = ()
    welcome_before: list = ()
    job: dict = None
    status: dict = None


@pytest.fixture(scope="package")
def chain(whole, mariadb_server):
    """A WHMCS, a whole Shoplaunch, no cPanel server yet (tests.support.worlds.chain.Chain)."""
    with Chain(whole, mariadb_server) as made:
        yield made


@pytest.fixture(scope="package")
def born(request, chain):
    """Three servers and the accounts on them, by (birth, language), of those that are looked at this day: all skeletons
    are installed by command.

    At the end new accounts have launcher and agent on `cp-root` and `cp-reseller`, neither of them on `cp-bare`.
    """
    chain.add_server("cp-root", ssh=True)
    chain.add_server("cp-reseller", reseller=True)
    chain.add_server("cp-bare", reseller=True, ssh=True)
    found, wanted = {}, running(request, "birth", "language", file=Path(__file__).with_name("test_orders.py"))
    for birth, (name, words, languages) in BIRTHS.items():
        server = chain.servers[name]
        if words is not None:
            chain.install_skeleton(server, *words)
        for language in [one for one in languages if (birth, one) in wanted] or languages[:1]:
            sold = chain.order(server, language=language, by_cron=True)
            chain.addon.module.create(sold.service)
            folder = Path(server.whm.account(sold.account).home) / ".shoplaunch"
            found[birth, language] = Shop(sold, tuple(sorted(os.listdir(folder))) if folder.exists() else ())
        if name == "cp-bare" and words is not None:
            chain.remove_skeleton(server)
    return found


@pytest.fixture(scope="package")
def shops(chain, born):
    """Many shops, sold at about the same time on three servers and built by real cron: (birth, language) -> Shop."""
    for number, shop in enumerate(born.values()):
        sold = shop.sold
        chain.addon.create(sold.service, order=ORDERS[number % len(ORDERS)])
        chain.addon.accept(sold.order)
        shop.before = doors(chain, sold)
        shop.welcome_before = chain.mails(sold, WELCOME)
        shop.job = chain.job(sold)
    server = chain.servers["cp-reseller"]
    for habit, values in HABITS_OF_CRON.items():
        sold = chain.sell(server, by_cron=True, habits=values)
        born[habit, "english"] = Shop(sold, (), job=chain.job(sold))
    for shop in born.values():
        shop.status = chain.whole.live(shop.job, SECONDS)
    wait_until(lambda: everybody_is_let_in(chain, born), chain.addon.log)
    return born


def everybody_is_let_in(chain, born):
    """Let WHMCS look at the shops, as it does with each run of its cron, of which one has but a few seconds; tell
    whether it knows all of them ready."""
    chain.addon.due_now()
    chain.addon.cron()
    return all(chain.addon.shop(shop.sold.service)["ready_at"] for shop in born.values())


@pytest.fixture(scope="package")
def servers(chain, born):
    """The three servers by name."""
    return chain.servers


def doors(chain, sold):
    """Return what the client gets at each door to the account: its page, single sign-on by GET and by POST."""
    single = {"action": "productdetails", "id": sold.service, "dosinglesignon": "1"}
    return [
        chain.page_of_the_account(sold),
        chain.page_of_the_account(sold, dosinglesignon="1"),
        chain.addon.page("/clientarea.php", post=single, client=sold.client),
    ]
