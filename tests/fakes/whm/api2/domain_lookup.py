"""API 2 DomainLookup: the document root."""

from tests.fakes.whm.protocol.registry import api2


@api2("DomainLookup", "getdocroot", ("domain",))
def getdocroot(_double, account, _args):
    """Return the document root, absolute and below the home."""
    return [{"reldocroot": account.document_root, "docroot": account.document_root_path}]
