"""UAPI DomainInfo: where home and document roots are, and which virtual host serves a domain."""

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal

TYPES = {"addon": "addon_domain", "sub": "sub_domain"}


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


def _site(double, account, site):
    """Return the data of an addon or sub domain: an addon domain is an alias of a sub domain's virtual host."""
    names = dict.fromkeys([site.domain, f"www.{site.domain}", site.name, f"www.{site.name}"])
    return {
        **row(double, account),
        "documentroot": site.root,
        "domain": site.domain,
        "serveradmin": f"webmaster@{site.name}",
        "serveralias": " ".join(name for name in names if name != site.name),
        "servername": site.name,
        "type": TYPES[site.kind],
    }


@uapi("DomainInfo", "single_domain_data", ("domain",))
def single_domain_data(double, account, args):
    """Return one domain of the account, but no parked one."""
    if args["domain"] == account.domain:
        return row(double, account)
    site = account.sites.get(args["domain"])
    if site is None or site.kind == "parked":
        raise Refusal("domain_foreign", name=args["domain"])
    return _site(double, account, site)


@uapi("DomainInfo", "domains_data", (), ("format",))
def domains_data(double, account, args):
    """Return all domains of the account; of parked ones the names alone."""
    main = row(double, account)
    kinds = {
        kind: [_site(double, account, site) for site in account.sites.values() if site.kind == kind] for kind in TYPES
    }
    if args.get("format", "hash") == "list":
        return [main, *kinds["addon"], *kinds["sub"]]
    parked = [site.domain for site in account.sites.values() if site.kind == "parked"]
    return {
        "main_domain": main,
        "addon_domains": kinds["addon"],
        "sub_domains": kinds["sub"],
        "parked_domains": parked,
    }
