"""WHM functions for packages: listpkgs, getpkginfo."""

from tests.fakes.whm.protocol.registry import whm
from tests.fakes.whm.protocol.texts import Refusal

WANT = ("all", "creatable", "editable", "viewable")


@whm("listpkgs", (), ("want",))
def listpkgs(double, token, args):
    """Return the packages the caller may use."""
    if args.get("want", "all") not in WANT:
        raise Refusal("parameter_unknown", name=args["want"])
    rows = [{"name": package.name, **row(double.quirks, package)} for package in double.state.packages_for(token)]
    return {"pkg": rows}


@whm("getpkginfo", ("pkg",))
def getpkginfo(double, token, args):
    """Return one package."""
    for package in double.state.packages_for(token):
        if package.name == args["pkg"]:
            return {"pkg": row(double.quirks, package)}
    raise Refusal("package_missing", name=args["pkg"])


def row(quirks, package):
    """Return a package's keys, in the types of this server."""
    yes, no = (1, 0) if quirks.packages == "wobbling" else ("y", "n")
    unlimited = None if quirks.packages == "wobbling" else "unlimited"
    return {
        "BWLIMIT": unlimited,
        "CGI": yes,
        "CPMOD": "jupiter",
        "DIGESTAUTH": no,
        "FEATURELIST": package.name if package.features_off else "default",
        "HASSHELL": no,
        "IP": no,
        "LANG": "en",
        "MAXADDON": "0",
        "MAXFTP": unlimited,
        "MAXLST": unlimited,
        "MAXPARK": "0",
        "MAXPOP": unlimited,
        "MAXSQL": unlimited if package.maxsql is None else str(package.maxsql),
        "MAXSUB": unlimited,
        "MAX_DEFER_FAIL_PERCENTAGE": unlimited,
        "MAX_EMAILACCT_QUOTA": unlimited,
        "MAX_EMAIL_PER_HOUR": "0" if quirks.packages == "wobbling" else "unlimited",
        "QUOTA": str(package.quota) if package.quota else unlimited,
        "_PACKAGE_EXTENSIONS": "",
    }
