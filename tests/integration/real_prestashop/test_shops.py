"""Two shops of one bundle, started by cron: they live, share no secret, and nothing of the template is left."""

import gzip
import re
import zipfile

from controller.panels.local.php_versions import version_number
from tests.integration.real_prestashop.conftest import TIME_ZONE
from tests.support.shops.real_shop import SHOP_NAME, parameters
from tests.support.traces import Traces

SECRETS = ("database_name", "database_user", "database_password", "secret", "cookie_key", "cookie_iv")
SECRETS += ("new_cookie_key", "api_private_key", "api_public_key")


def test_the_same_template_is_packed_to_the_same_bytes(real):
    again = real.world.directory / "again.bundle"
    real.pack(again)
    assert again.read_bytes() == real.bundle.read_bytes()


def test_the_bundle_holds_nothing_of_the_template(real):
    traces = Traces(real.template.known)
    with zipfile.ZipFile(real.bundle) as bundle:
        for name in bundle.namelist():
            data = bundle.read(name)
            assert not traces.found_in(gzip.decompress(data) if name.endswith(".gz") else data), name


def test_cron_brings_both_shops_to_life(real, shops):
    for job, shown in shops:
        assert shown["state"] == "live"
        assert not real.folder(job).exists()
        assert "shoplaunch" not in real.crontab(job)
        assert not [path for path in real.home(job).iterdir() if path.name.startswith(".shoplaunch-staging")]


def test_each_shop_is_served_by_a_php_its_series_allows(real, shops, manifest):
    wanted = manifest["requirements"]["php"]
    for job, _ in shops:
        pools = real.world.stack.directory.glob("php*/pools/*.conf")
        pools = [path for path in pools if f"[shoplaunch-{job['account']}]" in path.read_text()]
        (served,) = (path.parts[-3].removeprefix("php") for path in pools)
        print(f"PrestaShop {manifest['application']['version']} is served by PHP {served}")
        assert version_number(wanted["min"]) <= version_number(served) <= version_number(wanted["max"])


def test_the_certificate_shows_stages_bytes_and_memory(real, shops, manifest):
    for job, _ in shops:
        certificate = real.world.json("certificate", job["id"])
        print({name: certificate[name] for name in ("stages", "bytes_read", "bytes_written", "peak_memory_bytes")})
        assert certificate["evidence"]["chunks"] == sum(m["kind"] == "data" for m in manifest["members"])
        assert set(certificate["evidence"]["tables"]) == {table["name"] for table in manifest["tables"]}
        # Shared hosts count every byte: the bundle is read once, and memory is small
        assert certificate["bytes_read"] <= real.bundle.stat().st_size
        assert certificate["peak_memory_bytes"] < 64 * 1024 * 1024


def test_two_shops_of_one_bundle_share_no_secret(real, shops):
    (one, one_shown), (two, two_shown) = shops
    first, second = (parameters(real.root(job)) for job in (one, two))
    for name in SECRETS:
        if real.template.settings.get(name):
            assert len({first[name], second[name], real.template.settings[name]}) == 3, name
    assert one_shown["admin_url"].rsplit("/", 2)[1] != two_shown["admin_url"].rsplit("/", 2)[1]
    values = [real.settings(job) for job in (one, two)]
    same = {name for name, value in values[0].items() if values[1].get(name) == value}
    assert "NW_SALT" in values[0] and "NW_SALT" not in same
    assert not {name: values[0][name] for name in same if re.fullmatch(r"[0-9a-fA-F]{32,}", values[0][name] or "")}


def test_country_and_time_zone_are_set_wherever_prestashop_reads_them(real, shops):
    job, _ = shops[1]
    settings = real.settings(job)
    number = f"SELECT id_country FROM {real.template.prefix}country WHERE iso_code = 'DE' AND active = 1"
    known = real.sql(number, database=real.database(job))
    assert settings["PS_TIMEZONE"] == TIME_ZONE
    if known:
        assert settings["PS_COUNTRY_DEFAULT"] == str(known[0][0])
        assert settings.get("PS_LOCALE_COUNTRY", "de") == "de"


def test_nothing_of_the_template_is_left_in_files_or_tables(real, shops):
    traces = Traces(real.template.known)
    for job, _ in shops:
        assert traces.in_tree(real.root(job)) == []
        assert traces.in_database(real.world.stack.mariadb_socket, real.database(job)) == set()


def test_the_search_for_traces_finds_what_is_there(real, shops):
    job, shown = shops[0]
    own = {
        "domain": job["domain"],
        "folder": shown["admin_url"].rsplit("/", 2)[1],
        "mail": f"{job['account']}@example.com",
    }
    found = Traces(own).in_tree(real.root(job))
    assert (".htaccess", "domain") in found and any(name == "folder" for _, name in found)
    assert Traces(own).in_database(real.world.stack.mariadb_socket, real.database(job)) == {"domain", "mail"}
    assert real.settings(job)["PS_SHOP_NAME"] == SHOP_NAME
