"""Files with secrets that settings name, and whether other users of the machine can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.jobs.lifecycle import bundle_readers
from controller.settings.sections import Config

#: Of [whmcs], and of each [whmcs.KEY].
_OF_WHMCS = ("secret_file", "access_key_file")


def named(config: Config) -> list[tuple[str, Path]]:
    """Return (setting, file) of each file that the settings name for a secret, right or wrong."""
    found: list[tuple[str, object]] = [
        ("backup_passphrase_file", config.backup_passphrase_file),
        ("mail.password_file", config.mail.password_file),
        ("engine.broker_url_file", config.engine.broker_url_file),
    ]
    sections: dict[str, Mapping[str, Any]] = {"whmcs": config.whmcs}
    sections |= {f"whmcs.{key}": value for key, value in config.whmcs.items() if isinstance(value, Mapping)}
    found += [(f"{name}.{file}", one.get(file)) for name, one in sections.items() for file in _OF_WHMCS]
    return [(name, Path(file)) for name, file in found if file and isinstance(file, str)]


def open_to_all(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield (file, what to do) for each that every user of this machine can read."""
    for path in paths:
        if path.exists() and path.stat().st_mode & 0o004 and bundle_readers.others_may_enter(path.absolute().parent):
            what = f"chmod 600 {path}, and chown it to the user of the service; then change the passwords in it."
            yield path, what
