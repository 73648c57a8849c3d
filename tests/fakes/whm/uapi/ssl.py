"""UAPI SSL: AutoSSL is asked for, watched, and says why it could not."""

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.work import autossl


@uapi("SSL", "start_autossl_check", feature="autossl", changes=True)
def start_autossl_check(double, account, _args):
    """A check begins; it ends by itself."""
    autossl.start(double, account)


@uapi("SSL", "is_autossl_check_in_progress", feature="autossl")
def is_autossl_check_in_progress(double, account, _args):
    """Return 1 while a check runs."""
    return double.quirks.number(1 if account.autossl_running else 0)


@uapi("SSL", "get_autossl_problems", feature="autossl")
def get_autossl_problems(_double, account, _args):
    """Return why domains have no certificate."""
    return list(account.autossl_problems)
