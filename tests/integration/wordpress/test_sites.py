"""Two sites of one WordPress, started by cron: they live, share no secret, and nothing of the template is left."""

import base64
import gzip
import json
import re
import subprocess
import zipfile
from email import message_from_bytes
from email.policy import default

import pytest

from controller.jobs.shop.password_formats import hashed
from controller.recipes.wordpress.recipe import WordPress
from tests.integration.wordpress.conftest import SITE_NAME, WORDPRESS
from tests.support.shops.wordpress_site import CONTENT_SECRETS, DOMAIN, SALTS
from tests.support.traces import Traces

#: What newer releases of WooCommerce keep of buyers; the template has a row in each.
OF_PEOPLE = (
    "wc_order_fulfillments",
    "wc_order_fulfillment_meta",
    "wc_stock_notifications",
    "wc_stock_notificationmeta",
)
#: The same in words of which none may be in a bundle, with the shop's identity and the texts of editors.
NEWER = ("shipment", "parcel", "waiting", "waited_for", "identity", "room", "typed")
PASSWORD = "Tea 'n' \"saffron\" چای 9"


def members(path):
    """Yield (name, bytes) of each member of a bundle, decompressed."""
    with zipfile.ZipFile(path) as bundle:
        for name in bundle.namelist():
            data = bundle.read(name)
            yield name, gzip.decompress(data) if name.endswith(".gz") else data


@pytest.mark.sampled(of=2, rests=True)
def test_the_same_site_is_packed_to_the_same_bytes(sites):
    again = sites.directory / "again.bundle"
    sites.pack(again)
    assert again.read_bytes() == sites.bundle.read_bytes()


def test_the_packer_finds_by_itself_that_it_is_a_wordpress(manifest):
    assert manifest["application"]["recipe"] == "wordpress"
    written = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "wordpress"], capture_output=True, text=True)
    assert written.stdout.startswith(manifest["application"]["version"] + "+dfsg")


def test_the_bundle_holds_nothing_of_the_template(sites):
    traces = Traces(sites.site.known)
    for name, data in members(sites.bundle):
        assert not traces.found_in(data), name


@pytest.mark.sampled(of=3, rests=True)
def test_the_agent_is_the_one_that_restores_the_sample_shop(agents):
    sample, wordpress = agents
    assert sample == wordpress


def test_cron_brings_both_sites_to_life(sites, pair):
    for job, shown in pair:
        assert shown["state"] == "live"
        assert not sites.folder(job).exists()
        assert "shoplaunch" not in sites.crontab(job)
        assert shown["admin_url"] == f"{shown['shop_url']}wp-admin/"


def test_the_clients_read_of_a_site_in_their_language(sites, pair):
    for (job, _), said, unsaid in zip(
        pair, ("your site is ready", "سایت شما آماده است"), ("shop", "فروشگاه"), strict=True
    ):
        [letter] = sites.mails(job)
        text = message_from_bytes(letter.encode(), policy=default).get_content()
        assert said in text
        assert unsaid not in re.sub(r"\S*://\S*", "", text.lower())


def test_nothing_of_the_template_is_left_in_files_or_tables(sites, pair):
    traces = Traces(sites.site.known)
    for job, _ in pair:
        assert traces.in_tree(sites.root(job)) == []
        assert traces.in_database(sites.world.stack.mariadb_socket, sites.database(job)) == set()


def test_the_search_for_traces_finds_what_is_there(sites, pair):
    job, _ = pair[0]
    own = Traces({"domain": job["domain"], "mail": f"{job['account']}@example.com", "root": str(sites.root(job))})
    assert own.in_database(sites.world.stack.mariadb_socket, sites.database(job)) == {"domain", "mail", "root"}


def test_two_sites_share_no_secret(sites, pair):
    configurations = [(sites.root(job) / "wp-config.php").read_text("utf-8") for job, _ in pair]
    for name in (*SALTS, "DB_NAME", "DB_USER", "DB_PASSWORD"):
        values = [re.search(rf"^define\( '{name}',\s*'([^']*)' \);", text, re.M)[1] for text in configurations]
        assert len({*values, sites.site.salts.get(name)}) == 3, name
    hashes = [sites.php(job, "get_users()[0]->user_pass") for job, _ in pair]
    assert len(set(hashes)) == 2


def test_wordpress_itself_reads_everything_under_the_new_address(sites, pair):
    for job, shown in pair:
        home, root = shown["shop_url"].rstrip("/"), str(sites.root(job))
        found = sites.php(
            job,
            "array('home' => home_url(), 'site' => site_url(), 'mail' => get_option('admin_email'),"
            " 'public' => get_option('blog_public'),"
            " 'name' => wp_specialchars_decode(get_option('blogname'), ENT_QUOTES),"
            " 'places' => get_option('sample_places'), 'gateway' => get_option('sample_gateway'),"
            f" 'meta' => get_post_meta({sites.site.facts['post']}, 'places', true),"
            f" 'builder' => json_decode(get_post_meta({sites.site.facts['post']}, '_elementor_data', true), true),"
            " 'widget' => get_option('widget_text')[2]['text'], 'seen' => get_transient('seen'),"
            " 'endpoint' => get_option('woocommerce_myaccount_lost_password_endpoint'), 'licence' => ACME_LICENSE_KEY)",
        )
        assert (found["home"], found["site"]) == (home, home)
        assert (found["name"], found["mail"]) == (SITE_NAME, f"{job['account']}@example.com")
        assert found["places"]["زعفران"] == f"{home}/زعفران/"
        assert found["places"]["folder"] == f"{root}/wp-content/uploads"
        assert f"{home}/json/" in found["places"]["json"].replace("\\/", "/")
        assert found["places"]["mail"] == f"info@{job['domain']}:{sites.world.stack.http_port}"
        assert found["gateway"] == {"enabled": "yes", "title": "Pay", "secret_key": "", "sandbox": "no"}
        assert found["meta"]["url"] == f"{home}/places/" and home in found["meta"]["deep"]
        assert found["builder"][0]["settings"]["image"]["url"].startswith(f"{home}/wp-content/uploads/")
        assert found["widget"] == f'<a href="{home}/find-us/">here</a>'
        assert (found["seen"], found["licence"], found["endpoint"]) == (False, "", "lost-password")
        assert found["public"] == "1"


def test_blocks_are_what_they_were_with_the_new_address(sites, pair):
    job, shown = pair[0]
    home = shown["shop_url"].rstrip("/")
    post = sites.site.facts["post"]
    blocks = sites.php(job, f"parse_blocks(get_post({post})->post_content)")
    blocks = [block for block in blocks if block["blockName"]]
    assert [block["blockName"] for block in blocks] == ["core/image", "core/cover", "core/paragraph"]
    picture = f"{home}/wp-content/uploads/{sites.site.facts['picture']}"
    assert blocks[1]["attrs"] == {"url": picture, "note": "two--dashes"}
    # The template's text named itself with https, and a new site answers over http first
    assert f'<a href="{home}/about/">' in blocks[2]["innerHTML"]


def test_one_administrator_is_left_and_signs_in_with_the_password_of_the_mail(sites, pair, manifest):
    wanted = {"wordpress": "$wp$2y$", "phpass": "$P$B"}[WordPress().password_format(manifest["application"]["version"])]
    for job, _ in pair:
        users = sites.php(job, "array_map(fn($u) => array($u->user_login, $u->user_email, $u->roles[0]), get_users())")
        assert users == [["owner", f"{job['account']}@example.com", "administrator"]]
        password = sites.password(job)
        email = f"{job['account']}@example.com"
        assert sites.php(job, f"wp_authenticate('{email}', '{password}')->ID ?? 0") == 1
        assert sites.php(job, f"wp_authenticate('{email}', 'not {password}')->ID ?? 0") == 0
        # Nobody is asked at once whether the address just given is right
        assert sites.php(job, "get_option('admin_email_lifespan') > time()")
        # As it came: WordPress hashes anew what it would not have made itself
        assert sites.php(job, "get_users()[0]->user_pass").startswith(wanted)


@pytest.mark.parametrize("kind", ["bcrypt", "phpass", "wordpress"])
def test_wordpress_accepts_a_password_in_every_format_made_for_it(sites, manifest, kind):
    version = manifest["application"]["version"]
    if kind == "wordpress" and WordPress().password_format(version) != kind:
        pytest.skip(f"WordPress {version} is older than this format")
    made = hashed(PASSWORD, kind, {})
    given = {"p": PASSWORD, "h": made}
    code = f"$given = json_decode(base64_decode('{base64.b64encode(json.dumps(given).encode()).decode()}'), true);"
    code += " echo json_encode(array(wp_check_password($given['p'], $given['h']),"
    code += " wp_check_password('x' . $given['p'], $given['h'])));"
    assert sites.site.php(code) == "[true,false]"


def test_what_others_left_does_not_travel(sites, pair):
    job, _ = pair[0]
    prefix = f"`{sites.database(job)}`.wp_"
    for table in ("comments", "wc_orders", "woocommerce_api_keys", *OF_PEOPLE):
        assert sites.sql(f"SELECT COUNT(*) FROM {prefix}{table}") == ((0,),), table
    kept = {row[0] for row in sites.sql(f"SELECT meta_key FROM {prefix}usermeta")}
    assert "wp_capabilities" in kept and not kept & {"session_tokens", "_application_passwords"}
    kinds = {row[0] for row in sites.sql(f"SELECT post_type FROM {prefix}posts")}
    assert "post" in kinds and not kinds & {"revision", "shop_order", "wp_sync_storage"}
    sums = f"SELECT SUM(comment_count), COUNT(DISTINCT post_author) FROM {prefix}posts WHERE post_type = 'post'"
    assert sites.sql(sums) == ((0, 1),)


def test_rows_of_newer_releases_are_in_the_template_and_not_in_the_bundle(sites):
    here = {name: CONTENT_SECRETS[name] for name in NEWER}
    dump = subprocess.run(
        ["mariadb-dump", "--no-defaults", "-uroot", f"-S{sites.site.socket}", sites.site.database],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert [name for name, text in here.items() if text.encode() not in dump] == []
    traces = Traces(here)
    assert [(name, *traces.found_in(data)) for name, data in members(sites.bundle) if traces.found_in(data)] == []


def test_language_direction_and_time_zone_are_those_ordered(sites, pair):
    (english, _), (persian, _) = pair
    what = "array(get_locale(), is_rtl(), wp_timezone_string())"
    assert sites.php(english, what) == ["en_US", False, "Asia/Tokyo"]
    assert sites.php(persian, what) == ["fa_IR", True, "Asia/Tehran"]
    assert 'dir="rtl"' in sites.get(persian).text and 'dir="rtl"' not in sites.get(english).text


def test_an_order_in_a_language_without_a_pack_is_refused_and_makes_no_job(sites):
    before = sites.world.json("jobs")
    with pytest.raises(RuntimeError, match="language_missing"):
        sites.order("--language", "ja")
    assert sites.world.json("jobs") == before


def test_the_bundle_shows_the_operator_which_languages_it_has(sites):
    assert sites.world.json("bundle", "show", WORDPRESS)["manifest"]["report"]["languages"] == ["de", "en", "fa"]


def test_an_address_of_the_template_leads_nowhere(sites, pair):
    job, _ = pair[0]
    assert sites.get(job, "/there-is-no-such-page-here").status_code == 404
    assert DOMAIN not in sites.get(job, "/saffron-garden/").text
