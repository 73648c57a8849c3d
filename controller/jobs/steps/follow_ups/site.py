"""The site of a follow-up job's shop, as it is visited from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.jobs.lifecycle.step_context import Work
from controller.jobs.shop import tls, values
from controller.jobs.shop.checks import shop_checks, visits
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Check

FRONT = "front"


def site_of(work: Work, *, https: bool = False) -> visits.Site:
    """Return the site to visit; over TLS its certificate is verified."""
    site = work.tools.panel.site_address(work.account)
    address = site.shop_at(work.job.domain, work.job.folder, https=https)
    return visits.Site.of(site.ip, address, tls.context(work.tools.config) if https else None)


def as_before(work: Work) -> visits.Site:
    """Return the site over http or https, as the shop was served when the job began."""
    return site_of(work, https=work.follow_up.get("scheme") == "https")


def front(work: Work) -> list[Check]:
    """Return the bundle's check of the front page, [] where it has none."""
    return [check for check in work.follow_up.get("checks", []) if check["path"] == "/"][:1]


def visit(work: Work, site: visits.Site, checks: Sequence[Check]) -> None:
    """Run the checks on the site. Raises ShoplaunchError `check_failed`."""
    filled = {**values.of(work), "domain": site.address.host_and_port}
    shop_checks.run_checks(site, checks, Renderer(work.follow_up["nonce"], filled))
