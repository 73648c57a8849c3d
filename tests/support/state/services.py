"""Jobs as billing names them, by the number of a service."""

from controller.db import jobs
from controller.db.connection.engine import reading
from shared.errors import ShoplaunchError


def job_of_service(service, service_id):
    """Return the newest job of billing's service, whichever key it is of. Raises ShoplaunchError `service_unknown`."""
    with reading(service.installation.engine) as connection:
        found = jobs.find_service(connection, service_id, None)
    if found is None:
        raise ShoplaunchError("service_unknown", f"there is no job of service {service_id}")
    return found
