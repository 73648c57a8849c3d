"""Shops below a folder of their domain, by cron: every link leads to the shop, and the site around it stays."""

import contextlib
import html
import json
import os
import re
import shutil
import zipfile
from urllib.parse import quote, urljoin, urlsplit

import pytest
import requests

from tests.support.sampling import running
from tests.support.shops import sample_shop
from tests.support.traces import Traces
from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE, SERVER, SHOP_NAME, TEMPLATE_DOMAIN, WAIT_SECONDS

AROUND = "<h1>The site around the shop</h1>"
#: Bundle -> where its template lived; and what is ordered of each.
TEMPLATES = {BUNDLE: "/", "folder": "/shop/"}
WANTED = {"shop": (BUNDLE, "shop"), "deep": (BUNDLE, "a/b"), "across": ("folder", "tea.room"), "up": ("folder", "")}
#: Two of them a day, one of each bundle.
BY_TURNS = pytest.mark.sampled(of=2, turn="shops")
_LINK = re.compile(r"""(?:href|src|action)=["']([^"'#]+)""")


@pytest.fixture(scope="module")
def from_folder(whole):
    """The root of a template that lives in a folder of its domain; its bundle is `folder`."""
    root = whole.directory / "in-folder" / "shop"
    root.parent.mkdir()
    url, password = whole.world.database("sl_folder")
    sample_shop.install(root, TEMPLATE_DOMAIN, url, password, "--physical-uri", TEMPLATES["folder"])
    target = whole.directory / "folder.bundle"
    whole.world.pack(root, url, password, target)
    whole.world.run("bundle", "add", "folder", str(target))
    shutil.rmtree(root.parent)
    return str(root)


def ordered(whole, bundle, folder):
    """Order a shop with cron into an account whose site is there before the agent is; return the job."""
    account = whole.new_name()
    words = ["--folder", f"/{folder}/"] if folder else []
    job = whole.world.json(
        "order", "--account", account, "--create-account", "--domain", f"{account}.localhost", "--email",
        f"{account}@example.com", "--server", SERVER, "--bundle", bundle, "--shop-name", SHOP_NAME, *words,
    )  # fmt: skip
    if folder:
        wait_until(lambda: whole.root(job).is_dir(), lambda: whole.trouble(job))
        populate(whole, job)
    return job


def populate(whole, job):
    """The domain has a site of its own, whose rules lead every address to its page."""
    page, rules = whole.root(job) / "index.html", whole.root(job) / ".htaccess"
    page.write_text(AROUND)
    rules.write_text(
        "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\n"
        "RewriteRule . /index.html [L]\n"
    )
    for path in (page, rules):
        os.chown(path, whole.identity(job).pw_uid, whole.identity(job).pw_gid)


@pytest.fixture(scope="module")
def shops(request, whole, from_folder):
    """Name in WANTED -> (job, status) of shops that real cron started at the same time: those of this day."""
    today = running(request, "name") or WANTED
    jobs = {name: ordered(whole, bundle, folder) for name, (bundle, folder) in WANTED.items() if name in today}
    return {name: (job, whole.live(job)) for name, job in jobs.items()}


@BY_TURNS
@pytest.mark.parametrize("name", WANTED)
def test_the_shop_is_found_below_its_folder_and_says_so(whole, shops, name):
    job, status = shops[name]
    folder = WANTED[name][1]
    base = f"/{folder}/" if folder else "/"
    port = whole.world.stack.http_port
    assert (status["folder"], status["shop_url"]) == (folder, f"http://{job['domain']}:{port}{base}")
    assert status["admin_url"].startswith(status["shop_url"])
    root = whole.root(job) / folder
    rows = whole.sql("SELECT domain, physical_uri FROM ps_shop_url", database=whole.database(job))
    assert rows == ((f"{job['domain']}:{port}", base),)
    assert f"E=REWRITEBASE:{base}]" in (root / ".htaccess").read_text()
    assert f"Disallow: {base}cache/" in (root / "robots.txt").read_text()
    probes = {visit["name"]: visit["path"] for visit in whole.service.jobs.certificate(job["id"])["probes"]}
    assert "product_image_by_name" in probes and all(path.startswith(base) for path in probes.values())
    (mail,) = whole.mails(job)
    assert status["shop_url"] in mail and status["admin_url"] in mail


@BY_TURNS
@pytest.mark.parametrize("name", WANTED)
def test_every_link_of_its_pages_leads_into_the_shop_and_is_answered(whole, shops, name):
    job, status = shops[name]
    base = urlsplit(status["shop_url"]).path
    seen, waiting = {}, [base]
    while waiting and len(seen) < 40:
        path = waiting.pop(0)
        if path in seen:
            continue
        page = whole.get(job, path)
        seen[path] = page.status_code
        if page.headers.get("Content-Type", "").startswith("text/html"):
            for link in _LINK.findall(page.text):
                found = urlsplit(urljoin(urljoin(status["shop_url"], path), html.unescape(link)))
                if found.hostname == "share.example":
                    assert quote(status["shop_url"], safe="") in link
                if found.scheme != "http":
                    continue
                assert found.hostname == job["domain"], link
                assert found.path.startswith(base), (path, link)
                waiting.append(found.path + (f"?{found.query}" if found.query else ""))
    assert len(seen) > 10 and set(seen.values()) <= {200, 302}, seen
    assert whole.get(job, f"{base}there-is-no-such-page").status_code == 404


@BY_TURNS
@pytest.mark.parametrize("name", WANTED)
def test_cart_and_back_office_keep_their_visitor_within_the_folder(whole, shops, name):
    job, status = shops[name]
    # One browser, with its jar of cookies and its idea of where each belongs
    with visitor(whole, job) as browser:
        login = {"email": f"{job['account']}@example.com", "passwd": whole.password(job), "submitLogin": "1"}
        page = browser.get(status["admin_url"] + "index.php?controller=AdminLogin", timeout=120)
        login["csrf"] = (re.search(r'name="csrf" value="([^"]*)"', page.text) or ["", ""])[1]
        page = browser.post(status["admin_url"] + "index.php?controller=AdminLogin", login, timeout=120)
        assert page.status_code == 200 and "Dana Sample" not in page.text
        assert "Orders" in page.text and page.url.startswith(status["admin_url"])
        browser.get(status["shop_url"] + "index.php?controller=cart&action=show", timeout=120)
        base = urlsplit(status["shop_url"]).path
        assert browser.cookies and {cookie.path.startswith(base) for cookie in browser.cookies} == {True}


@contextlib.contextmanager
def visitor(whole, job):
    """A client with cookies that finds the domain where the test's server is."""

    class Here(requests.adapters.HTTPAdapter):
        def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
            return self.poolmanager.connection_from_url(f"http://127.0.0.1:{whole.world.stack.http_port}/")

        def send(self, request, **options):
            request.headers["Host"] = urlsplit(request.url).netloc
            return super().send(request, **options)

    with requests.Session() as browser:
        browser.mount("http://", Here())
        yield browser


@BY_TURNS
@pytest.mark.parametrize("name", [name for name, (_, folder) in WANTED.items() if folder])
def test_the_site_around_is_as_it_was(whole, shops, name):
    job, _ = shops[name]
    assert sorted(path.name for path in whole.root(job).iterdir()) == sorted(
        [".htaccess", "index.html", WANTED[name][1].split("/")[0]]
    )
    for path in ("/", "/index.html", "/of-that-site"):
        page = whole.get(job, path)
        assert (page.status_code, page.text) == (200, AROUND), path


def test_nothing_of_the_templates_is_left(whole, shops, from_folder):
    roots = {BUNDLE: whole.template["root"], "folder": from_folder}
    for name, (job, _) in shops.items():
        traces = Traces({"domain": TEMPLATE_DOMAIN, "root": roots[WANTED[name][0]]})
        assert traces.in_tree(whole.root(job)) == [], name
        assert traces.in_database(whole.world.stack.mariadb_socket, whole.database(job)) == set(), name
        # Where a template in a folder was moved from, nothing names that folder any more
        if name in ("up", "across"):
            assert (
                f"{job['domain']}:{whole.world.stack.http_port}/shop"
                not in whole.get(job, urlsplit(shops[name][1]["shop_url"]).path).text
            )


@pytest.mark.sampled(of=3, rests=True)
def test_killed_in_the_middle_only_the_folder_says_wait_and_cancelling_puts_everything_back(whole):
    account = whole.handmade_account()
    root = whole.world.accounts / account / "public_html"
    root.mkdir(mode=0o750)
    job = {"account": account}
    populate(whole, job)
    os.chown(root, whole.identity(job).pw_uid, whole.identity(job).pw_gid)
    job = whole.quiet_order("--folder", "my/shop", account=account)
    before = whole.snapshot(job)
    whole.stopped_in_the_import(job)
    assert whole.get(job, "/my/shop/").status_code == 503
    assert "lang=" in whole.get(job, "/my/shop/a/page?x=1").text
    for path in ("/", "/of-that-site", "/my-own"):
        assert (whole.get(job, path).status_code, whole.get(job, path).text) == (200, AROUND), path
    whole.world.run("cancel", job["id"], "--yes")
    wait_until(lambda: whole.service.jobs.get(job["id"]).facts["undo"] == "placed", lambda: whole.trouble(job))
    assert whole.run_agent(job, WAIT_SECONDS) == 5
    assert whole.snapshot(job) == before
    whole.world.run("cancel", job["id"], "--undo", "--yes")
    assert whole.wait(job, "dropped", "failed")["state"] == "dropped"
    assert whole.run_agent(job) == 0
    whole.live(job)
    assert whole.get(job, "/my/shop/").status_code == 200 and whole.get(job).text == AROUND


@pytest.mark.sampled(of=3, rests=True)
def test_an_order_into_a_folder_is_refused_before_anything_where_the_bundle_knows_none(whole):
    old, new = whole.directory / "sample.bundle", whole.directory / "of-before.bundle"
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "manifest.json":
                manifest = json.loads(content)
                assert manifest.pop("folders") is True
                content = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            target.writestr(zipfile.ZipInfo(name), content)
    whole.world.run("bundle", "add", "of-before", str(new))
    account = whole.handmade_account()
    order = {"server": SERVER, "bundle": "of-before", "domain": f"{account}.localhost", "account": account}
    order["email"] = "owner@example.com"
    answer = whole.signed("POST", "/api/v1/orders", order | {"folder": "shop"})
    assert (answer.status_code, answer.json()["code"]) == (422, "folder_unsupported")
    listed = {row["name"]: row["folders"] for row in whole.world.json("bundle", "list")}
    assert (listed["of-before"], listed[BUNDLE]) == (False, True)
    # At the root it goes on as ever
    job = whole.signed("POST", "/api/v1/orders", order).json()
    whole.wait(job, "dropped", "failed")
    assert whole.run_agent(job) == 0
    assert whole.live(job)["folder"] == ""
    assert whole.get(job).status_code == 200


@pytest.mark.parametrize(
    ("folder", "code"),
    [("../x", "folder_invalid"), ("a/../b", "folder_invalid"), (".hidden", "folder_invalid"),
     ("a//b", "folder_invalid"), ("a b", "folder_invalid"), ("x" * 65, "folder_invalid"), ("فروشگاه", "folder_invalid"),
     ("a/cgi-bin", "folder_reserved"), (".well-known", "folder_reserved"), ("MailMan", "folder_reserved")],
)  # fmt: skip
def test_folders_that_are_none_are_refused_with_what_to_do(whole, folder, code):
    order = {"server": SERVER, "bundle": BUNDLE, "domain": "nobody.localhost", "account": "nobody1", "folder": folder}
    answer = whole.signed("POST", "/api/v1/orders", {**order, "email": "owner@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["advice"]


def test_the_command_line_refuses_them_too(whole):
    words = [
        "--account",
        "nobody1",
        "--domain",
        "nobody.localhost",
        "--email",
        "o@example.com",
        "--folder",
        "cgi-bin/x",
    ]
    done = whole.world.run("order", "--server", SERVER, "--bundle", BUNDLE, *words, check=False)
    assert done.returncode == 1 and "folder_reserved" in done.stderr
