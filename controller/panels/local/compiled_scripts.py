"""What PHP has compiled of an account's scripts, in files of the account's: an earlier shop's are no part of the next.

PHP takes a compiled script for a file's whenever path and time are the same, whatever the file holds by now.
"""

from __future__ import annotations

import logging
import re

from controller.panels.local.accounts import PHP_FOLDER
from controller.panels.local.as_account.run import AsAccount
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: opcache's own folder below the one it is given: it is named after PHP's build.
_OPCACHE = re.compile(r"[0-9a-f]{32}\Z")


def remove(hands: AsAccount) -> None:
    """Remove them as the account; what keeps us from it there is logged, and keeps nothing else from going on."""
    try:
        for name in hands.names(PHP_FOLDER) or ():
            if _OPCACHE.match(name):
                hands.remove(f"{PHP_FOLDER}/{name}")
    except ShoplaunchError as error:
        LOG.warning("%s: compiled scripts stay: %s", hands.identity.name, error.message)
