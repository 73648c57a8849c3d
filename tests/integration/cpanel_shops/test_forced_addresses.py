"""Templates whose `.htaccess` leads everybody to https and www: their shops begin on http and get https later."""

from pathlib import Path

import pytest

from controller.recipes.tree.htaccess import LEFT_OUT, SHORTENED, adapted, with_proofs
from tests.integration.cpanel_shops.test_tls import is_on_http, is_on_https, lead_here, wait
from tests.support.worlds.cpanel_world import TEMPLATE_DOMAIN, pack_template
from tests.unit.recipes.tree.test_htaccess import GOES, SHORTER

pytestmark = pytest.mark.root
#: Forms that keep a visitor of the domain itself from every page.
CLOSED = (
    "https", "https by port", "https behind a proxy", "www", "own name", "not before the proofs",
    "in two lines", "forbidden without", "required", "alias", "alias in words", "alias without status",
    "alias for good", "alias by pattern",
)  # fmt: skip
FORCED = f"""\
RewriteEngine On
{GOES["https"]}{GOES["no www"]}{GOES["www"]}{GOES["required"]}\
Redirect 301 /old-page https://www.{TEMPLATE_DOMAIN}/3-table
{GOES["sent to browsers"]}\
"""


@pytest.fixture(scope="module")
def forced(template, mariadb_server, tmp_path_factory):
    """The packed bundle (its path, what was reported) of a template that forces https and www."""
    root, url = template
    target = tmp_path_factory.mktemp("forced") / "forced.bundle"
    htaccess, inner = root / ".htaccess", root / "admin742sample" / ".htaccess"
    before = htaccess.read_text()
    try:
        htaccess.write_text(FORCED + before)
        inner.write_text(GOES["https"])
        return target, pack_template(root, url, target, mariadb_server).report
    finally:
        htaccess.write_text(before)
        inner.unlink()


@pytest.fixture(scope="module")
def site(server):
    """An account with one page and one proof."""
    hosting = server.add_account()
    root = Path(hosting.document_root_path)
    (root / ".well-known").mkdir()
    (root / ".well-known" / "proof").write_text("proof")
    (root / "index.html").write_text("the page")
    return hosting


def served(whm, hosting, text, path="/"):
    """Return (status, body) once `.htaccess` says `text`."""
    content = text if isinstance(text, bytes) else text.encode()
    Path(hosting.document_root_path, ".htaccess").write_bytes(content)
    status, body = whm.server.get(hosting.domain, path)
    return status, body


@pytest.mark.parametrize("form", CLOSED)
def test_a_page_that_nobody_got_to_over_http_is_there(whm, site, form):
    text = "RewriteEngine On\n" + GOES[form].replace("shop.example", site.domain)
    assert served(whm, site, text)[0] in (301, 302, 403)
    plain = with_proofs(adapted(text.encode(), [site.domain]).content)
    assert served(whm, site, plain) == (200, b"the page")
    assert served(whm, site, plain, "/.well-known/proof") == (200, b"proof")


@pytest.mark.parametrize("rule", SHORTER)
def test_what_is_shorter_is_understood_by_the_web_server(whm, site, rule):
    text = "RewriteEngine On\n" + SHORTER[rule]
    assert served(whm, site, text, "/no-such-page")[0] == 404


def test_proofs_are_served_before_any_rule_that_leads_elsewhere(whm, site):
    rules = b"RewriteEngine On\nRewriteRule ^ http://elsewhere.example/ [R,L]\n"
    assert served(whm, site, with_proofs(rules))[0] == 302
    assert served(whm, site, with_proofs(rules), "/.well-known/proof") == (200, b"proof")
    assert served(whm, site, rules, "/.well-known/proof")[0] == 302


@pytest.mark.sampled(of=2, rests=True)
def test_the_report_shows_what_was_left_out(forced):
    notes = {(note["place"], note["what"]) for note in forced[1]["rewriting"]["notes"]}
    admin = "admin742sample/.htaccess"
    assert {(".htaccess", LEFT_OUT), (".htaccess", SHORTENED), (admin, LEFT_OUT)} <= notes


@pytest.mark.sampled(of=2, rests=True)
def test_a_shop_of_such_a_template_is_born_on_http_and_gets_https_later(world, whm, forced):
    world.give("forced", forced[0])
    hosting = world.new_account()
    job = world.opened(hosting, bundle="forced")
    is_on_http(world, job)
    answer = world.visit(job, "/old-page")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"http://{job.domain}/3-table")
    assert "upgrade-insecure-requests" not in str(answer.headers)
    lead_here(whm, hosting)
    wait(world, job, 3600)
    is_on_https(world, job)
    assert len(world.arrives(job, "/3-table")) == 2
