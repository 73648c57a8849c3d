"""API 2: what UAPI does not have."""

from tests.fakes.whm.api2 import cron, domain_lookup, fileman

__all__ = ["cron", "domain_lookup", "fileman"]
