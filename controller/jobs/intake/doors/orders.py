"""Orders: taken, refused and sent again; billing's events and service requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.db.connection.engine import reading
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.orders import refused_orders as refused_rows
from controller.db.orders.refused_orders import RefusedOrder
from controller.jobs.intake import billing_services, placing, resending
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.orders import Sender

if TYPE_CHECKING:
    from shared.documents import ServiceStatus


class Orders:
    """Orders of billing systems and operators. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def place(self, order: Mapping[str, object], source: str, signed_by: str = "", note: Note | None = None) -> Job:
        """Return the order's job; see controller.jobs.intake.placing.place."""
        own = self._installation
        return own.due(placing.place(own.engine, order, Sender(source, signed_by), own.now(), note))

    def take_event(self, document: Mapping[str, object], signed_by: str = "") -> ServiceStatus:
        """Take billing's event `document`; return the service's status."""
        return billing_services.take(self._installation, document, signed_by)

    def service_status(self, service_id: str, signed_by: str = "") -> ServiceStatus:
        """Return the document of shared/schemas/service.json for the service of the key. Raises service_unknown."""
        return billing_services.status(self._installation, service_id, signed_by)

    def retry_service(self, service_id: str, step: str | None, signed_by: str = "") -> ServiceStatus:
        """Retry the failed step of the key's service, or try again to make its job; return the status."""
        return billing_services.retry(self._installation, service_id, step, signed_by)

    def list_refused(self, limit: int = MANY, *, settled: bool = False) -> list[RefusedOrder]:
        """Return the open refused orders, the last refused first; with `settled` all that are stored."""
        with reading(self._installation.engine) as connection:
            return refused_rows.listed(connection, limit, settled=settled)

    def get_refused(self, number: int) -> RefusedOrder:
        """Return the refused order. Raises refused_unknown."""
        with reading(self._installation.engine) as connection:
            return refused_rows.get(connection, number)

    def resend(self, number: int, user: str = "") -> Job | None:
        """Send the refused order again, as `user` asks; see controller.jobs.intake.resending.send."""
        return resending.send(self._installation, number, user)

    def dismiss_refused(self, number: int, user: str = "") -> None:
        """Dismiss the refused order as `user` asks; see controller.jobs.intake.resending.dismiss."""
        resending.dismiss(self._installation.engine, number, user, self._installation.now())
