"""WHM functions for the server itself: applist, installable_mysql_versions, batch; and the door to UAPI."""

from tests.fakes.whm.protocol import envelopes as shape
from tests.fakes.whm.protocol.registry import WHM, whm
from tests.fakes.whm.protocol.texts import Refusal


@whm("applist")
def applist(_double, _token, _args):
    """Return the names of the functions there are."""
    return {"app": sorted([*WHM, "cpanel"])}


@whm("installable_mysql_versions")
def installable_mysql_versions(_double, _token, _args):
    """Return the database servers on offer."""
    return {"versions": [{"server": "mariadb", "version": "10.11"}, {"server": "mysql", "version": "8.0"}]}


@whm("get_nameserver_config")
def get_nameserver_config(double, _token, _args):
    """Return the name servers of the caller."""
    if not double.quirks.tells_name_servers:
        raise Refusal("unknown_app", name="get_nameserver_config", version="1")
    return {"nameservers": list(double.quirks.name_servers)}


@whm("uapi_cpanel", ("cpanel.user", "cpanel.module", "cpanel.function"), ("*",), acl="cpanel-api")
def uapi_cpanel(_double, _token, _args):
    """Carried out by the dispatcher, which knows both APIs."""
    raise NotImplementedError


@whm("batch", ("command",), ("command-*", "abort_on_error"), changes=True)
def batch(double, token, args):
    """Carry out several WHM calls, one after the other."""
    from tests.fakes.whm.protocol import dispatch

    if not double.quirks.batch:
        raise Refusal("unknown_app", name="batch", version="1")
    results = []
    for command in args["command"]:
        name, own = dispatch.split_command(command)
        try:
            if name in ("batch", "cpanel", ""):
                raise Refusal("batch_command", name=name)
            answer = dispatch.call_whm(double, token, name, {**own, "api.version": "1"})
        except Refusal as refusal:
            results.append(shape.whm_bad(name, refusal.text(double.quirks)))
            if args.get("abort_on_error") == "1":
                break
            continue
        results.append(shape.whm_good(name, answer))
    return {"result": results}
