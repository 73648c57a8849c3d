"""What an order may choose: names of every kind, time zone and currency."""

import pytest

from tests.support.worlds.whole import BUNDLE, SERVER, TEMPLATE_DOMAIN

NAMES = {
    "another script": "فروشگاه.{}.example",
    "with www": "www.{}.example",
    "shorter": "{}.io",
    "longer": "a-very-long-name-for-a-shop-that-sells-what-others-do-not.{}.and-all-of-it.example.org",
}


def built(whole, *words, domain):
    """Order a shop under the domain and let its agent do its work; return the job."""
    account = whole.handmade_account()
    job = whole.world.json(
        "order", "--account", account, "--domain", domain.format(account), "--email", f"{account}@example.com",
        "--server", SERVER, "--bundle", BUNDLE, *words,
    )  # fmt: skip
    whole.wait(job, "dropped", "failed")
    assert whole.run_agent(job) == 0
    whole.live(job)
    return job


def address(whole, job):
    """Return (domain, physical_uri) as the shop reads them."""
    rows = whole.sql("SELECT domain, physical_uri FROM ps_shop_url", database=whole.database(job))
    assert len(rows) == 1
    return rows[0]


@pytest.mark.sampled(of=4)
@pytest.mark.parametrize("kind", NAMES)
def test_a_shop_lives_under_any_kind_of_name(whole, kind):
    job = built(whole, domain=NAMES[kind])
    assert job["domain"].isascii()
    page = whole.get(job)
    host = address(whole, job)[0]
    assert host.partition(":")[0] == job["domain"]
    assert page.status_code == 200 and host in page.text and TEMPLATE_DOMAIN not in page.text
    # Without a name of its own it is called by its domain, as people write that
    ((name,),) = whole.sql("SELECT name FROM ps_shop", database=whole.database(job))
    assert name == NAMES[kind].format(job["account"])[:64]


@pytest.mark.sampled(of=2, rests=True)
def test_time_zone_and_currency_are_those_of_the_order(whole):
    words = ["--language", "fa", "--country", "IR", "--option", "time_zone=Asia/Tehran", "--option", "currency=IRR"]
    job = built(whole, *words, domain="{}.localhost")
    settings = dict(whole.sql("SELECT name, value FROM ps_configuration", database=whole.database(job)))
    assert settings["PS_TIMEZONE"] == "Asia/Tehran"
    assert (settings["PS_LOCALE_LANGUAGE"], settings["PS_LOCALE_COUNTRY"]) == ("fa", "ir")
    ((code, rate),) = whole.sql(
        f"SELECT iso_code, conversion_rate FROM ps_currency WHERE id_currency = {settings['PS_CURRENCY_DEFAULT']}",
        database=whole.database(job),
    )
    assert (code, rate) == ("IRR", 1)
    page = whole.get(job).text
    assert 'dir="rtl"' in page and "ریال" in page
