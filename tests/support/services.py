"""Jobs as billing names them, by the number of a service."""

from controller.db import jobs
from controller.db.connection.engine import reading


def job_of_service(service, service_id):
    """Return the newest job of billing's service, whichever key it is of."""
    with reading(service.installation.engine) as connection:
        found = jobs.find_service(connection, service_id, None)
    assert found is not None, f"there is no job of service {service_id}"
    return found
