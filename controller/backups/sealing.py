"""A stream that opens only with a passphrase: scrypt, then AES-256-GCM over numbered pieces, the last one marked."""

from __future__ import annotations

import io
import secrets
import struct
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from shared.errors import ShoplaunchError

#: The first bytes of a sealed backup.
MAGIC = b"SHOPLAUNCH-SEALED-1\n"
PIECE_BYTES = 64 * 1024
_TAG_BYTES = 16
#: After MAGIC: log2 of scrypt's N, its r and p, its salt, and the prefix of every nonce.
_HEADER = struct.Struct(">BBB16s7s")
_LOG_N, _R, _P = 16, 8, 2
#: A file that demands more memory is refused.
_MAX_SCRYPT_BYTES = 1024 * 1024 * 1024
_MAX_P = 16


def _key(passphrase: str, log_n: int, r: int, p: int, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << log_n, r=r, p=p).derive(passphrase.encode("utf-8")))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


class SealingWriter(io.RawIOBase):
    """Writes sealed data to `target`, which stays open; only `finish` completes it."""

    def __init__(self, target: IO[bytes], passphrase: str) -> None:
        salt, self._prefix = secrets.token_bytes(16), secrets.token_bytes(7)
        self._target, self._number, self._waiting = target, 0, bytearray()
        self._header = MAGIC + _HEADER.pack(_LOG_N, _R, _P, salt, self._prefix)
        self._cipher = _key(passphrase, _LOG_N, _R, _P, salt)
        target.write(self._header)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take `data`."""
        self._waiting += data
        # One piece is held back, as the last piece is marked
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write the last piece."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), piece, self._header))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads what SealingWriter wrote, from after MAGIC on. Raises ShoplaunchError `passphrase_wrong` when the first
    piece cannot be opened, `backup_damaged` for a piece that is altered, missing, or in another place."""

    def __init__(self, source: IO[bytes], passphrase: str) -> None:
        header = source.read(_HEADER.size)
        if len(header) != _HEADER.size:
            raise ShoplaunchError("backup_damaged", "the backup ends in its first line")
        log_n, r, p, salt, self._prefix = _HEADER.unpack(header)
        if not (1 <= log_n < 32 and r and 1 <= p <= _MAX_P and (128 * r << log_n) <= _MAX_SCRYPT_BYTES):
            raise ShoplaunchError("backup_damaged", "the backup asks for a key that no backup has")
        self._source, self._header, self._number = source, MAGIC + header, 0
        self._cipher = _key(passphrase, log_n, r, p, salt)
        self._next = self._read_piece()
        self._open = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, target: bytearray) -> int:  # type: ignore[override]
        """Fill `target` from one piece."""
        while not self._open and self._next:
            self._unseal()
        count = min(len(target), len(self._open))
        target[:count] = self._open[:count]
        self._open = self._open[count:]
        return count

    def _read_piece(self) -> bytes:
        return self._source.read(PIECE_BYTES + _TAG_BYTES)

    def _unseal(self) -> None:
        piece, self._next = self._next, self._read_piece()
        nonce = _nonce(self._prefix, self._number, last=not self._next)
        try:
            self._open = self._cipher.decrypt(nonce, piece, self._header)
        except InvalidTag:
            if self._number == 0:
                raise ShoplaunchError("passphrase_wrong", "the backup does not open with this passphrase") from None
            raise ShoplaunchError("backup_damaged", "the backup is cut short or was altered") from None
        self._number += 1
