"""Follow-up job https_on: the shop is served over https, and http leads there."""

from __future__ import annotations

from dataclasses import replace

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.db.facts import Facts
from controller.jobs.lifecycle.step_context import Work
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop import credentials, tls, values
from controller.jobs.shop.checks import office_proof, visits
from controller.jobs.steps.follow_ups.change import Change
from controller.jobs.steps.follow_ups.site import FRONT, front, site_of, visit
from controller.panels.base import SiteAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

_REDIRECTS = (301, 302, 303, 307, 308)


class HttpsOn(Change):
    """Needs a certificate that browsers accept; the shop's addresses are https ones from then on."""

    def require(self, work: Work, address: SiteAddress) -> None:
        """Raise tls_missing when browsers would refuse the shop's certificate."""
        served = tls.probe(address.ip, address.tls_port, work.job.domain, tls.context(work.tools.config))
        if not served.valid:
            raise ShoplaunchError("tls_missing", f"https://{work.job.domain}: {served.reason}")

    def look(self, work: Work) -> str:
        """Check that the front page answers over https, and that http redirects once to the very same https address."""
        secure, plain = site_of(work, https=True), site_of(work)
        looks = front(work)
        if secure.address.host_and_port != plain.address.host_and_port:
            # With a non-default port, rules of .htaccess that name the host do not match
            looks = [check.copy() for check in looks]
            for check in looks:
                check.pop("assets", None)
        visit(work, secure, looks)
        path = f"{plain.base_uri}?from=http"
        status, target = visits.redirect(plain, path, FRONT)
        wanted = secure.url(path)
        if status not in _REDIRECTS or target != wanted:
            raise ShoplaunchError("check_failed", f"front: http does not lead to https (status {status})")
        return "; ".join(filter(None, ["https answers, http leads there", _signed_in(work, secure)]))

    def learned(self, parent: Facts, job: Facts) -> Facts:
        """Return the shop's addresses with https."""
        return replace(
            parent,
            tls=replace(parent.tls, state="on", next=None, reason=None),
            shop_url=job.https_shop_url or parent.shop_url,
            admin_url=job.https_admin_url or parent.admin_url,
        )


def _signed_in(work: Work, secure: visits.Site) -> str:
    """Sign in with the first password while only the controller knows it; return a note.

    Where the shop's server is another machine, its step check may have had no TLS for this.
    """
    with reading(work.tools.engine) as connection:
        parent = jobs.get(connection, str(work.job.parent))
    password = private_values(work.tools.keys, parent).get(credentials.PASSWORD, "")
    renderer = Renderer(work.follow_up["nonce"], {**values.of(work), "domain": secure.address.host_and_port})
    return office_proof.proved(secure, work.follow_up.get("checks", []), renderer, password)[1]


CHANGE = HttpsOn()
