"""The controller's keys in SHOPLAUNCH_HOME/keys: lists, newest last, so that they can be rotated."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.files import alone, is_there, replace_durably, unfinished, write_durably
from shared.errors import ShoplaunchError

#: File name -> function that makes one new key (a line of text).
MAKERS: dict[str, Callable[[], str]] = {
    "signing": lambda: Ed25519PrivateKey.generate().private_bytes_raw().hex(),
    "encryption": lambda: Fernet.generate_key().decode("ascii"),
    "tokens": lambda: secrets.token_hex(32),
    "sessions": lambda: secrets.token_hex(32),
}
#: Never rotated: fingerprints with another salt could not be compared.
SALT = "fingerprints"
KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """All keys, newest last. `signing` are Ed25519 seeds of 32 bytes."""

    signing: tuple[bytes, ...] = field(repr=False)
    encryption: tuple[bytes, ...] = field(repr=False)
    tokens: tuple[bytes, ...] = field(repr=False)
    sessions: tuple[bytes, ...] = field(repr=False)
    fingerprint_salt: bytes = field(repr=False)
    #: Where the files are from which they were read.
    folder: Path | None = field(default=None, repr=False, compare=False)

    def public_keys(self) -> list[bytes]:
        """Return the public half of every signing key, 32 bytes each, newest last."""
        return [Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() for seed in self.signing]

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted by the newest key that there is: one that was retired since opens nothing."""
        return self.current()._fernet().encrypt(text.encode("utf-8")).decode("ascii")

    def decrypt(self, text: str) -> str:
        """Decrypt text encrypted by any of the keys. Raises ShoplaunchError `config_invalid` for a lost key."""
        try:
            return self._fernet().decrypt(text.encode("ascii")).decode("utf-8")
        except InvalidToken:
            current = self.current()
            if current != self:
                return current.decrypt(text)
            raise ShoplaunchError("config_invalid", "an encrypted value was made with a key that is gone") from None

    def sealed_anew(self, text: str) -> str:
        """Re-encrypt text encrypted by any of the keys by the newest that there is; return the same text if it is
        encrypted by that, or by the newest of these.

        Raises ShoplaunchError `config_invalid` for a lost key.
        """
        if self._newest_opens(text):
            return text
        # Another retirement may have ended these keys meanwhile: what it has sealed stays sealed by newer ones
        current = self.current()
        if current._newest_opens(text):
            return text
        return current.newest()._fernet().encrypt(self.decrypt(text).encode("utf-8")).decode("ascii")

    def _newest_opens(self, text: str) -> bool:
        try:
            Fernet(self.encryption[-1]).decrypt(text.encode("ascii"))
        except InvalidToken:
            return False
        return True

    def current(self) -> Keys:
        """Return the keys as their files are now: newer ones may have been made since, which other processes use."""
        if self.folder is None:
            return self
        try:
            return load_keys(self.folder)
        except ShoplaunchError:
            return self

    def newest(self) -> Keys:
        """Return these keys without the old ones."""
        newest = {name: getattr(self, name)[-1:] for name in MAKERS}
        return replace(self, folder=None, **newest)

    def since(self, earlier: Keys) -> Keys:
        """Return these keys without those that are older than the newest of `earlier`."""
        kept = {name: getattr(self, name)[_place(self, earlier, name) :] for name in MAKERS}
        return replace(self, folder=None, **kept)

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in reversed(self.encryption)])


def ensure_keys(folder: Path) -> None:
    """Create every missing key file (0600 in a 0700 folder); existing ones are left alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(folder, 0o700)  # noqa: PTH101 - mkdir's mode is masked and does not touch an existing folder
    makers: dict[str, Callable[[], str]] = {**MAKERS, SALT: lambda: secrets.token_hex(32)}
    if not missing(folder):
        return
    # Of two processes that make them at once, one would go on with keys that the other has replaced
    with alone(folder):
        remove_unfinished(folder)
        for name in missing(folder):
            write_durably(folder / name, (makers[name]() + "\n").encode("ascii"), 0o600)


def missing(folder: Path) -> list[str]:
    """Return the names of the missing key files. Raises OSError where they cannot be read: no others are made then."""
    return [name for name in (*MAKERS, SALT) if not is_there(folder / name)]


def rotate(folder: Path, prepare: Callable[[Keys], object] = lambda _keys: None) -> None:
    """Add a newer key to every file of keys that can be rotated, after `prepare` was called with the keys as they will
    be: a process that is started once the first of them is written uses it. Raises what `prepare` raises.
    """
    # If two processes replaced a file at once, one key would be lost, with everything sealed by it in between
    with alone(folder):
        remove_unfinished(folder)
        lines = _lines(folder)
        newer = {name: [*lines[name], make()] for name, make in MAKERS.items()}
        prepare(_parsed(folder, {**lines, **newer}))
        for name, all_keys in newer.items():
            # The file stays the service user's, also when run as root. Its last line may have had no end
            replace_durably(folder / name, "".join(f"{key}\n" for key in all_keys).encode("ascii"))


def old_files(folder: Path) -> list[Path]:
    """Return the key files that hold more than one key."""
    return [folder / name for name in MAKERS if len((folder / name).read_bytes().split()) > 1]


def trim(folder: Path, name: str, known: Keys) -> None:
    """Remove all keys that are older than the newest of `known` from the file `name`; call it within `alone`."""
    path = folder / name
    lines = path.read_bytes().split()
    first = _place(load_keys(folder), known, name)
    if first:
        replace_durably(path, b"\n".join(lines[first:]) + b"\n")


def remove_unfinished(folder: Path) -> None:
    """Remove copies of the files that a rotation left which was cut off: they hold every key; call it within `alone`.

    Raises OSError.
    """
    for path in unfinished(folder):
        path.unlink(missing_ok=True)


def _place(keys: Keys, earlier: Keys, name: str) -> int:
    """Return the place of the newest key of `earlier` among `keys`; 0 where it is gone, so that all of them stay."""
    newest, found = getattr(earlier, name)[-1], getattr(keys, name)
    return found.index(newest) if newest in found else 0


def load_keys(folder: Path) -> Keys:
    """Return the keys. Raises ShoplaunchError `not_initialised` when there are none, `config_invalid`."""
    return _parsed(folder, _lines(folder))


def _lines(folder: Path) -> dict[str, list[str]]:
    try:
        return {name: (folder / name).read_text("ascii").split() for name in (*MAKERS, SALT)}
    except FileNotFoundError:
        raise ShoplaunchError("not_initialised", f"there are no keys in {folder}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ShoplaunchError("config_invalid", f"the keys in {folder} cannot be read: {error}") from None


def _parsed(folder: Path, lines: Mapping[str, list[str]]) -> Keys:
    if not all(lines.values()):
        raise ShoplaunchError("config_invalid", f"a key file in {folder} is empty")
    try:
        keys = Keys(
            signing=tuple(bytes.fromhex(line) for line in lines["signing"]),
            encryption=tuple(line.encode("ascii") for line in lines["encryption"]),
            tokens=tuple(bytes.fromhex(line) for line in lines["tokens"]),
            sessions=tuple(bytes.fromhex(line) for line in lines["sessions"]),
            fingerprint_salt=bytes.fromhex(lines[SALT][0]),
            folder=folder,
        )
        keys._fernet()
    except ValueError:
        raise ShoplaunchError("config_invalid", f"a key file in {folder} is damaged") from None
    lengths = {len(key) for key in (*keys.signing, *keys.tokens, *keys.sessions, keys.fingerprint_salt)}
    if lengths != {KEY_BYTES}:
        raise ShoplaunchError("config_invalid", f"a key file in {folder} is damaged")
    return keys
