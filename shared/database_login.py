"""What a database server may ask for while somebody logs in: on a way that is not proven, nothing that reveals the
password.

What is sent in answer to the allowed requests is made from a digest of the password and a number of the server's:
whoever hears it learns nothing of a password as long as ours.
"""

from shared.errors import ShoplaunchError

#: Plug-ins whose answers reveal nothing; of caching_sha2_password the fast part alone.
SAFE = ("mysql_native_password", "caching_sha2_password", "client_ed25519")
#: Plug-ins that send the password itself, by a key of whoever answers, or by a digest of 1998.
REVEALING = ("", "mysql_clear_password", "dialog", "sha256_password", "mysql_old_password")
_OK, _ERROR, _SWITCH, _MORE = 0x00, 0xFF, 0xFE, 0x01
#: What caching_sha2_password says when its fast part was enough.
_FAST_WAS_ENOUGH = b"\x01\x03"
#: What is read before the server is known: a greeting and a few answers.
LOGIN_BYTES = 64 * 1024
#: Errors of a server that has no connection left, for anybody or for this user: to be waited for.
BUSY = (1040, 1203, 1226)


def check_request(packet: bytes) -> None:
    """Raise ShoplaunchError unless `packet` (bytes), which a server sent during the log-in over a way that is not
    proven, may be answered: `db_auth_unsafe`, `db_auth_plugin`."""
    kind = packet[0] if packet else _MORE
    if kind in (_OK, _ERROR) or packet == _FAST_WAS_ENOUGH:
        return
    if kind != _SWITCH:
        raise ShoplaunchError("db_auth_unsafe", "the server asks for the password itself, or by a key of its own")
    name = packet[1:].split(b"\0", 1)[0].decode("ascii", "replace")
    if name in SAFE:
        return
    if name in REVEALING:
        raise ShoplaunchError("db_auth_unsafe", "the server asks for {}".format(name or "a digest of before MySQL 4.1"))
    raise ShoplaunchError("db_auth_plugin", "the server asks for {!r}".format(name[:64].encode("ascii", "replace")))
