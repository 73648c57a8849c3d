"""UAPI Features: what the account's package allows."""

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.state import FEATURES


@uapi("Features", "has_feature", ("name",))
def has_feature(double, account, args):
    """Status 1: on; 0: off; an unknown feature has neither."""
    found = double.state.feature(account, args["name"])
    if found is False:
        raise Refusal("feature_off", name=args["name"])
    return None if found is None else double.quirks.number(1)


@uapi("Features", "list_features")
def list_features(double, account, _args):
    """Return every feature with 1 or 0."""
    return {name: double.quirks.number(1 if double.state.feature(account, name) else 0) for name in FEATURES}
