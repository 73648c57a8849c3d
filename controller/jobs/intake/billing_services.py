"""Services as billing sees them: its events, status requests and retries, with a job or still without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.db import bundles, jobs
from controller.db.connection.engine import reading
from controller.db.identities import api_keys
from controller.db.machines import servers
from controller.db.orders import services
from controller.jobs.engine.operations import interventions
from controller.jobs.intake import billing_events, view
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.server_lookup import server_of_host
from controller.product_kind import SHOP
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import ServiceStatus


def take(installation: Installation, document: Mapping[str, object], signed_by: str = "") -> ServiceStatus:
    """Take billing's event `document`; return the service's status. Raises as billing_events.take does."""
    billing_events.take(installation.engine, document, installation.now(), signed_by)
    found = status(installation, str(document["service_id"]), signed_by)
    installation.hints.hint(found["server"])
    return found


def status(installation: Installation, service_id: str, signed_by: str = "") -> ServiceStatus:
    """Return the document of shared/schemas/service.json for the service of the key. Raises service_unknown."""
    with reading(installation.engine) as connection:
        job = jobs.find_service(connection, service_id, signed_by)
        known = services.get(connection, signed_by, service_id)
        all_servers = servers.listed(connection)
        product_kinds = {bundle.name: bundle.noun for bundle in bundles.listed(connection)}
    # A service that was created again has no job yet; its old job does not count
    if job is not None and (known is None or known.error is None):
        return view.statuses(installation, [job])[0]
    if known is None:
        raise ShoplaunchError("service_unknown", f"there is no job of service {service_id[:64]!r}")
    wanted: Mapping[str, object] = known.wanted or {}
    try:
        server = server_of_host(all_servers, str(wanted.get("server_host") or ""))
    except ShoplaunchError:
        server = ""
    noun = product_kinds.get(str(wanted.get("bundle")), SHOP)
    return view.waiting_service(known, server, noun, billing_events.waiting_for(known))


def retry(installation: Installation, service_id: str, step: str | None, signed_by: str = "") -> ServiceStatus:
    """Retry the failed step of the key's service, or try again to make its job; return the status.

    Raises ShoplaunchError `service_unknown`, `illegal_transition`, `step_unknown`, `key_forbidden`, and as
    `intake.take` does.
    """
    with reading(installation.engine) as connection:
        key = api_keys.find(connection, signed_by)
        job = jobs.find_service(connection, service_id, signed_by)
        known = services.get(connection, signed_by, service_id)
    if key is not None:
        key.require("retry")
    if known is not None and known.terminated_at is not None:
        raise ShoplaunchError("illegal_transition", "the service was terminated")
    if known is not None and known.error is not None:
        installation.due(billing_events.start(installation.engine, known, installation.now()))
    elif job is not None:
        own = installation
        own.due(interventions.retry(own.engine, own.keys, job.id, step, own.now()))
    elif known is None:
        raise ShoplaunchError("service_unknown", f"there is no job of service {service_id[:64]!r}")
    else:
        raise ShoplaunchError("illegal_transition", f"the service waits for {billing_events.waiting_for(known)}")
    return status(installation, service_id, signed_by)
