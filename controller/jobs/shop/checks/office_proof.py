"""Proves that the new administrator can sign in: over TLS where the shop's server is another machine."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.jobs.shop import tls
from controller.jobs.shop.checks import shop_checks
from controller.jobs.shop.checks.visits import Site
from controller.panels.base import SiteAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Check, Visit

#: A server that does not answer at all must not delay a shop for long.
_LOOK_SECONDS = 5
SIGNED_IN = "signed in to the back office over TLS"
NOT_YET = "not signed in to the back office: no valid certificate is served yet"
NO_FORM = "not signed in to the back office: its form does not answer over TLS yet"


def offices(checks: Sequence[Check]) -> list[Check]:
    """Return the checks that say how the administrator signs in."""
    return [check for check in checks if "sign_in" in check]


def over_tls(plain: Site, address: SiteAddress, trusted: ssl.SSLContext) -> Site:
    """Return the site of a shop that still calls itself by http, visited over TLS only."""
    secure = address.shop_at(plain.address.host, plain.address.folder, https=True)
    return Site(plain.ip, secure.port, secure, trusted, plain.address)


def proved(
    secure: Site,
    checks: Sequence[Check],
    renderer: Renderer,
    password: str,
    end: float | None = None,
) -> tuple[list[Visit], str]:
    """Return the rows of the visits behind the form, and a note for the operator; no rows while TLS is missing.

    `end` is the deadline of all visits, as in shop_checks.run_checks.

    Raises ShoplaunchError `check_failed` when the form answers and the administrator is not let in.
    """
    wanted = offices(checks)
    if not wanted or not password or secure.context is None:
        return [], ""
    if not tls.probe(secure.ip, secure.port, secure.address.host, secure.context, _LOOK_SECONDS).valid:
        return [], NOT_YET
    end = shop_checks.deadline() if end is None else end
    try:
        shop_checks.run_checks(secure, wanted, renderer, end=end)
    except ShoplaunchError:
        # Another site may answer over TLS; the shop itself was checked over http
        return [], NO_FORM
    rows = shop_checks.run_checks(secure, wanted, renderer, password=password, end=end)
    names = {check["name"] for check in wanted}
    inside = [row for row in rows if row["name"] not in names]
    return inside, SIGNED_IN if inside else ""
