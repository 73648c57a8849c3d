"""WHM API 1."""

from tests.fakes.whm.functions import accounts, packages, server, tokens

__all__ = ["accounts", "packages", "server", "tokens"]
