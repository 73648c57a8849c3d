"""A WHM/cPanel server for tests: speaks WHM API 1, UAPI and API 2 as strictly as the reference, works for real."""

from tests.fakes.whm.double import WhmDouble
from tests.fakes.whm.quirks import Quirks

__all__ = ["Quirks", "WhmDouble"]
