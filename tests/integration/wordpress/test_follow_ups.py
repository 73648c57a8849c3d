"""Follow-up jobs on a restored WordPress: https, a new password, and an end, each as the bundle says."""

import base64
from urllib.parse import urlsplit

import pytest

from agent.tree.edits import edited
from controller.jobs.shop.values import located
from controller.shop_address import HTTP, HTTPS, ShopAddress
from shared.placeholders import Renderer
from tests.support.waiting import wait_until

CHOSEN = "A new password, چای 7"


class FollowUps:
    """Carries out what the bundle's manifest says of follow-up jobs, as the agent does, on the site of `job`."""

    def __init__(self, sites, manifest, job, shown):
        self._sites, self._job = sites, job
        plain = ShopAddress(HTTP, job["domain"], urlsplit(shown["shop_url"]).port or 80)
        secure = ShopAddress(HTTPS, job["domain"], 8443)
        values = {**located(plain), "domain_ssl": secure.host_and_port}
        self._renderer = Renderer(manifest["nonce"], values)
        self.secure, self.plain = secure.origin, plain.origin

    def rendered(self, text):
        return self._renderer.render(text.encode("utf-8"))

    def run(self, statements):
        for one in statements:
            self._sites.sql(
                one["sql"], *(self.rendered(part).decode() for part in one["params"]),
                database=self._sites.database(self._job),
            )  # fmt: skip
            check = one["check"]
            rows = self._sites.sql(
                check["sql"], *(self.rendered(part).decode() for part in check["params"]),
                database=self._sites.database(self._job),
            )  # fmt: skip
            assert list(rows[0]) == [self.rendered(part).decode() for part in check["expect"]]

    def edit(self, edits):
        """Return the configuration as it was, and write what the edits make of it."""
        path = self._sites.root(self._job) / "wp-config.php"
        before = after = path.read_bytes()
        for one in edits:
            change = (self.rendered(one["old"]), self.rendered(one["new"]), one["count"])
            after = edited(b"wp-config.php", after, [change], [])
        path.write_bytes(after)
        return path, before


@pytest.fixture
def follow_ups(sites, manifest, pair):
    return FollowUps(sites, manifest, *pair[0])


def test_https_changes_address_links_and_redirects_and_can_be_taken_back(sites, manifest, pair, follow_ups):
    job, _ = pair[0]
    entry = manifest["jobs"]["https_on"]
    asked = "array(home_url(), get_option('siteurl'), wp_should_replace_insecure_home_url())"
    text = f"apply_filters('the_content', get_post({sites.site.facts['post']})->post_content)"
    follow_ups.run(entry["statements"])
    path, before = follow_ups.edit(entry["edits"])
    try:
        # PHP looks at a file it knows every two seconds
        wanted = f"{follow_ups.secure}/?from=http"
        wait_until(lambda: sites.get(job, "/?from=http").headers.get("Location") == wanted, "http never led to https")
        assert sites.php(job, asked) == [follow_ups.secure, follow_ups.secure, True]
    finally:
        path.write_bytes(before)
        follow_ups.run(entry["back"])
    assert sites.php(job, asked) == [follow_ups.plain, follow_ups.plain, False]
    wait_until(lambda: sites.get(job).status_code == 200, "http never answered again")
    assert follow_ups.plain in sites.php(job, text)


def carried_out(sites, job, kind, *more, **options):
    """Order a follow-up job by command line, start its agent as cron would; return it once it is done."""
    done = sites.world.run(kind, job["id"], *more, **options).stdout
    small = {"id": done.partition(":")[0], "account": job["account"]}
    if sites.wait(small, "dropped", "restoring", "finishing", "live", "failed")["state"] == "dropped":
        # Cron may have been faster
        sites.start_agent(small).wait(300)
    return sites.live(small)


@pytest.mark.nightly
def test_a_site_gets_a_new_password_and_is_ended_by_jobs_of_their_own(sites):
    job = sites.quiet_order()
    assert sites.run_agent(job) == 0
    sites.live(job)
    old = sites.password(job)
    carried_out(sites, job, "set-admin-password", input=CHOSEN + "\n")
    signs_in = "(wp_authenticate('{}', base64_decode('{}'))->ID ?? 0)".format
    coded = [base64.b64encode(text.encode()).decode() for text in (CHOSEN, old)]
    who = f"{job['account']}@example.com"
    assert [sites.php(job, signs_in(who, text)) for text in coded] == [1, 0]
    carried_out(sites, job, "remove", "--yes")
    assert [sites.get(job, path).status_code for path in ("/", "/wp-login.php", "/saffron-garden/")] == [503] * 3
    assert sites.php(job, f"get_post({sites.site.facts['post']})->post_title") == "Saffron garden"
