"""WHM functions for rights and sessions: myprivs, api_token_create, create_user_session."""

import re
import secrets
import time

from tests.fakes.whm.protocol.registry import numbered, whm
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.state import ALL_ACLS

TOKEN_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")
SERVICES = ("cpaneld", "whostmgrd", "webmaild")
SESSION_SECONDS = 900


@whm("myprivs")
def myprivs(double, token, _args):
    """Return a list with one dictionary of what the token may do."""
    granted = {name: token.everything or name in token.acls for name in ("all", *ALL_ACLS)}
    granted["all"] = token.everything
    flags = {name: double.quirks.flag(value) for name, value in granted.items()}
    return {"privileges": [{name: value for name, value in flags.items() if value is not None}]}


@whm("api_token_create", ("token_name",), ("acl", "acl-*", "expires_at", "whitelist_ip", "whitelist_ip-*"),
     acl="manage-api-tokens", changes=True)  # fmt: skip
def api_token_create(double, token, args):
    """Make a token of the caller; it is shown this once."""
    if not TOKEN_NAME.match(args["token_name"]):
        raise Refusal("name_invalid", name=args["token_name"])
    acls = numbered(args, "acl") or sorted(token.acls)
    expires = int(args.get("expires_at") or 0)
    everything = token.everything and not numbered(args, "acl")
    made = double.state.new_token(
        token.user, name=args["token_name"], acls=frozenset(acls), everything=everything, expires_at=expires
    )
    return {
        "acls": acls,
        "create_time": int(time.time()),
        "expires_at": expires or None,
        "name": made.name,
        "token": made.secret,
    }


@whm("create_user_session", ("user", "service"), ("app", "locale", "preferred_domain"),
     acl="create-user-session", changes=True)  # fmt: skip
def create_user_session(double, token, args):
    """Return where the account's owner is logged in at once."""
    if double.state.visible(token, args["user"]) is None:
        raise Refusal("not_yours", name=args["user"])
    if args["service"] not in SERVICES:
        raise Refusal("name_invalid", name=args["service"])
    security = f"/cpsess{secrets.randbelow(10**10):010d}"
    session = f"{args['user']}:{secrets.token_urlsafe(12)}:CREATE_USER_SESSION"
    return {
        "cp_security_token": security,
        "expires": int(time.time()) + SESSION_SECONDS,
        "service": args["service"],
        "session": session,
        "url": f"{double.cpanel_url}{security}/login/?session={session}",
    }
