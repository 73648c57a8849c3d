"""Writes the operator's e-mail address to the settings file without touching its other content."""

from __future__ import annotations

import re

from controller.settings.sections import Config
from controller.setup import settings_file
from shared.errors import ShoplaunchError

#: Also addresses on this machine, such as root@localhost.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")


def keep(config: Config, address: str) -> None:
    """Set [mail] operator in the settings file to `address`.

    Raises ShoplaunchError `email_invalid`; `config_invalid` when it has to be written there by hand.
    """
    check(address)
    settings_file.put(config.file, {"mail.operator": address})


def check(address: str) -> None:
    """Raise ShoplaunchError `email_invalid` when the text is no address."""
    # Mail programs would decode it to another address
    if not _ADDRESS.match(address) or "=?" in address:
        raise ShoplaunchError("email_invalid", f"not an e-mail address: {address[:80]!r}")
