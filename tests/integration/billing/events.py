"""Events as billing's addon sends them."""

import uuid


def created(service_id=None, **changes):
    """Return a `module_created` event of a service (made up unless given)."""
    number = service_id or str(uuid.uuid4().int)[:9]
    return {
        "event": "module_created", "service_id": number, "order_id": f"9{number}"[:9], "client_id": "5",
        "product_id": "3", "server_host": "web1.example.net", "bundle": "classic", "variant": None,
        "domain": f"shop{number}.example.com", "email": "nora@example.com", "account": f"a{number}",
        "first_name": "Nora", "last_name": "Karimi", "language": "en", "country": "IR",
        "wait_for_acceptance": False, **changes,
    }  # fmt: skip


def accepted(service_id, **changes):
    """Return an `accepted` event of the service."""
    return {"event": "accepted", "service_id": service_id, "order_id": "77", **changes}


def terminated(service_id, **changes):
    """Return a `terminated` event of the service."""
    return {"event": "terminated", "service_id": service_id, **changes}
