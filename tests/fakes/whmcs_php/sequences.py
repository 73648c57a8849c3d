"""The ways in which WHMCS tells of a service: what comes first, twice or never."""


def create_then_accept(whmcs, order, service):
    """Set up on payment; an administrator accepts later."""
    whmcs.create(service)
    whmcs.accept(order)


def accept_then_create(whmcs, order, service):
    """Set up on acceptance: the hook comes before the create it causes."""
    whmcs.accept(order)
    whmcs.create(service)


def accept_without_create(whmcs, order, service):
    """No automatic set-up."""
    whmcs.accept(order)


def create_without_accept(whmcs, order, service):
    """Set up on payment; nobody ever accepts."""
    whmcs.create(service)


def create_failed_then_create(whmcs, order, service):
    """The server refused; the module queue tries again."""
    whmcs.create(service, failure="No free licence")
    whmcs.accept(order)
    whmcs.create(service)


def duplicate_create(whmcs, order, service):
    """AfterModuleCreate comes twice."""
    whmcs.create(service)
    whmcs.create(service)
    whmcs.accept(order)


def accepted_twice(whmcs, order, service):
    """The order was put back to pending and accepted again."""
    whmcs.create(service)
    whmcs.accept(order)
    whmcs.query("UPDATE tblorders SET status = 'Pending' WHERE id = %s", order)
    whmcs.accept(order)


def terminate_during_restore(whmcs, order, service):
    """The account is terminated while its shop is being built."""
    whmcs.create(service)
    whmcs.accept(order)
    whmcs.terminate(service)


def created_again(whmcs, order, service):
    """Terminated, and then created once more for the same service."""
    terminate_during_restore(whmcs, order, service)
    whmcs.create(service)


def upgrade(whmcs, order, service):
    """The service gets another product: an order of its own that has no service."""
    client = whmcs.rows("tblhosting", id=service)[0]["userid"]
    upgraded = whmcs.insert("tblorders", userid=client)
    number = whmcs.insert(
        "tblupgrades", userid=client, orderid=upgraded, type="package", relid=service, originalvalue="4", newvalue="3"
    )
    whmcs.accept(upgraded)
    whmcs.query("UPDATE tblhosting SET packageid = 3 WHERE id = %s", service)
    whmcs.fire("AfterModuleChangePackage", {"params": whmcs.params(service)})
    whmcs.fire("AfterProductUpgrade", {"upgradeid": number})


#: sequence -> kinds of events the controller gets, in order
EVENTS = {
    create_then_accept: ["module_created", "accepted"],
    accept_then_create: ["accepted", "module_created"],
    accept_without_create: ["accepted"],
    create_without_accept: ["module_created"],
    create_failed_then_create: ["accepted", "module_created"],
    duplicate_create: ["module_created", "accepted"],
    accepted_twice: ["module_created", "accepted"],
    terminate_during_restore: ["module_created", "accepted", "terminated"],
    created_again: ["module_created", "accepted", "terminated", "module_created"],
}
