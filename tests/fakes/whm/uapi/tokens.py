"""UAPI Tokens: an account's own token."""

import re
import time

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal


@uapi("Tokens", "create_full_access", ("name",), ("expires_at",), feature="apitokens", changes=True)
def create_full_access(double, account, args):
    """Make a token of the account; it is shown this once."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,50}", args["name"]):
        raise Refusal("name_invalid", name=args["name"])
    expires = int(args.get("expires_at") or 0)
    token = double.state.new_token(account.user, door="cpanel", name=args["name"], expires_at=expires)
    return {"create_time": int(time.time()), "token": token.secret}
