"""Step confirm: the change of a follow-up job is checked from outside, as a client would see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.jobs.lifecycle import expectation
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop import credentials, office_proof, shop_checks, tls, values, visits
from controller.jobs.steps.check import beside_cleaning
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

FRONT = "front"
_REDIRECTS = (301, 302, 303, 307, 308)


def run(work: Work) -> Outcome:
    """Check the change. Raises leftovers, check_failed, panel_*; Later while the agent cleans up."""
    look = _front_over_http if work.is_back else LOOKS[work.job.kind]
    seen, removed = beside_cleaning(work, lambda: look(work))
    now = work.tools.clock()
    note = "; ".join(filter(None, [seen, removed]))
    return Outcome(note=note, effect=lambda connection: expectation.note(connection, work.job, now))


def site_of(work: Work, *, https: bool = False) -> visits.Site:
    """Return the site to visit; over TLS its certificate is verified."""
    address = work.tools.panel.site_address(work.account)
    host = values.host(work.job.domain, address)
    base_uri = values.address("http", host, work.job.folder)["base_uri"]
    site = visits.Site(address.ip, address.port, host, base_uri)
    if not https:
        return site
    host = values.tls_host(work.job.domain, address)
    return replace(site, port=address.tls_port, host=host, context=tls.context(work.tools.config))


def _https_on(work: Work) -> str:
    """Check that the front page answers over https, and that http redirects once to the very same https address."""
    secure, plain = site_of(work, https=True), site_of(work)
    looks = _front(work)
    if secure.host != plain.host:
        # With a non-default port, rules of .htaccess that name the host do not match
        looks = [{name: value for name, value in check.items() if name != "assets"} for check in looks]
    _visit(work, secure, looks)
    path = f"{plain.base_uri}?from=http"
    status, target = visits.redirect(plain, path, FRONT)
    wanted = f"https://{secure.host}{path}"
    if status not in _REDIRECTS or target != wanted:
        raise ShoplaunchError("check_failed", f"front: http does not lead to https (status {status})")
    return "; ".join(filter(None, ["https answers, http leads there", _signed_in(work, secure)]))


def _signed_in(work: Work, secure: visits.Site) -> str:
    """Sign in with the first password while only the controller knows it; return a note.

    Where the shop's server is another machine, its step check may have had no TLS for this.
    """
    with reading(work.tools.engine) as connection:
        parent = jobs.get(connection, str(work.job.parent))
    password = private_values(work.tools.keys, parent).get(credentials.PASSWORD, "")
    renderer = Renderer(work.later["nonce"], {**values.of(work), "domain": secure.host})
    return office_proof.proved(secure, work.later.get("checks", []), renderer, password)[1]


def _front_over_http(work: Work) -> str:
    _visit(work, site_of(work), _front(work))
    return "the shop answers over http as before"


def _set_admin_password(work: Work) -> str:
    """Check the pages, the back office's too; signing in is left to the owner."""
    known = work.later.get("checks", [])
    _visit(work, site_of(work, https=work.later.get("scheme") == "https"), known)
    return f"{len(known)} visits"


def _remove(work: Work) -> str:
    site = site_of(work, https=work.later.get("scheme") == "https")
    answer = visits.visit(site, site.base_uri, FRONT)
    if answer.status == 200:
        raise ShoplaunchError("check_failed", "front: the shop still answers")
    return f"visitors get status {answer.status}"


LOOKS: Mapping[str, Callable[[Work], str]] = {
    "https_on": _https_on,
    "set_admin_password": _set_admin_password,
    "remove": _remove,
}


def _front(work: Work) -> list[Mapping[str, Any]]:
    return [check for check in work.later.get("checks", []) if check["path"] == "/"][:1]


def _visit(work: Work, site: visits.Site, checks: Sequence[Mapping[str, Any]]) -> None:
    filled = {**values.of(work), "domain": site.host}
    shop_checks.run_checks(site, checks, Renderer(work.later["nonce"], filled))
