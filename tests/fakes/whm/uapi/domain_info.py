"""UAPI DomainInfo: where home and document root are."""

from tests.fakes.whm.registry import uapi
from tests.fakes.whm.texts import Refusal


def row(double, account):
    """Return the main domain's data."""
    return {
        "documentroot": account.document_root_path,
        "domain": account.domain,
        "group": account.user,
        "hascgi": double.quirks.number(1),
        "homedir": account.home,
        "ip": account.ip,
        "owner": account.owner,
        "phpopenbasedirprotect": double.quirks.number(1),
        "port": str(double.http_port),
        "serveradmin": f"webmaster@{account.domain}",
        "serveralias": f"www.{account.domain}",
        "servername": account.domain,
        "status": "not redirected",
        "type": "main_domain",
        "user": account.user,
        "usecanonicalname": "Off",
    }


@uapi("DomainInfo", "single_domain_data", ("domain",))
def single_domain_data(double, account, args):
    """Return one domain of the account."""
    if args["domain"] != account.domain:
        raise Refusal("domain_foreign", name=args["domain"])
    return row(double, account)


@uapi("DomainInfo", "domains_data", (), ("format",))
def domains_data(double, account, args):
    """Return all domains of the account."""
    main = row(double, account)
    if args.get("format", "hash") == "list":
        return [main]
    return {"main_domain": main, "addon_domains": [], "sub_domains": [], "parked_domains": []}
