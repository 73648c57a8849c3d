"""Pages for clients and visitors call a shop a shop, and a site that sells nothing a site."""

import hashlib
import re
import time
import uuid

import pytest
import requests

from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import transact
from controller.jobs.agent_link.holding_page import holding_page

TIMEOUT = 120
#: (language, noun) -> (what is said, what is not)
SAID = {
    ("en", "shop"): ("shop", "site"),
    ("en", "site"): ("site", "shop"),
    ("fa", "shop"): ("فروشگاه", "سایت"),
    ("fa", "site"): ("سایت", "فروشگاه"),
}
EACH = pytest.mark.parametrize(("language", "noun"), list(SAID), ids=["-".join(pair) for pair in SAID])


@pytest.fixture(scope="module")
def blog(site):
    """The name of a bundle the site knows, of a WordPress that sells nothing."""
    digest = hashlib.sha256(b"blog").hexdigest()
    bundle = Bundle("blog", digest, 1, digest, "wordpress", "6.8", time.time(), noun="site")
    transact(site.service.installation.engine, lambda connection: bundles.add(connection, bundle))
    return bundle.name


def words(page):
    """Return what is to be read on a page, in small letters."""
    return re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>|shoplaunch", " ", page.lower(), flags=re.S)


@pytest.mark.parametrize("state", ["restoring", "live"])
@EACH
def test_the_clients_page(site, blog, language, noun, state):
    bundle = blog if noun == "site" else "boutique"
    job = site.order(f"tea-{uuid.uuid4().hex}.example", bundle=bundle, language=language)
    job = site.put(job, state, percent=100, facts={**job.facts, "shop_url": f"http://{job.domain}/"})
    status = site.service.jobs.status(job)
    page = words(requests.get(status["status_url"], timeout=TIMEOUT).text)
    said, unsaid = SAID[language, noun]
    # The title twice, the three last steps, and the sentence or the button
    assert page.count(said) == 6 and unsaid not in page
    assert status["noun"] == noun


@EACH
def test_the_visitors_page(language, noun):
    page = words(holding_page(language, noun))
    said, unsaid = SAID[language, noun]
    # The title twice, and the sentences
    assert page.count(said) >= 3 and unsaid not in page
