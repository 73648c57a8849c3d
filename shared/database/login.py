"""Which requests a client may answer during a database log-in over an unproven connection: none that reveals the
password.

The answer to an allowed request is made from a digest of the password and a random number of the server. An
eavesdropper cannot recover a password as long as ours from it.
"""

from shared.errors import ShoplaunchError

#: Plug-ins whose answers reveal nothing; of caching_sha2_password only the fast path.
SAFE = ("mysql_native_password", "caching_sha2_password", "client_ed25519")
#: Plug-ins that send the password itself, encrypted with the key of an unproven server, or by a weak digest of 1998.
REVEALING = ("", "mysql_clear_password", "dialog", "sha256_password", "mysql_old_password")
_OK, _ERROR, _SWITCH, _MORE = 0x00, 0xFF, 0xFE, 0x01
#: The answer of caching_sha2_password when its fast path succeeds.
_FAST_WAS_ENOUGH = b"\x01\x03"
#: Limit for what is read before the server is proven: a greeting and a few answers.
LOGIN_BYTES = 64 * 1024
#: Error numbers of a server without a free connection, in total or for this user; retrying helps.
BUSY = (1040, 1203, 1226)


def check_request(packet: bytes) -> None:
    """Raise ShoplaunchError `db_auth_unsafe` or `db_auth_plugin` unless `packet` (bytes), received during a log-in over
    an unproven connection, may be answered."""
    kind = packet[0] if packet else _MORE
    if kind in (_OK, _ERROR) or packet == _FAST_WAS_ENOUGH:
        return
    if kind != _SWITCH:
        raise ShoplaunchError("db_auth_unsafe", "the server asks for the password itself, or by a key of its own")
    name = packet[1:].split(b"\0", 1)[0].decode("ascii", "replace")
    if name in SAFE:
        return
    if name in REVEALING:
        asked = name or "a password digest older than MySQL 4.1"
        raise ShoplaunchError("db_auth_unsafe", "the server asks for {}".format(asked))
    raise ShoplaunchError("db_auth_plugin", "the server asks for {!r}".format(name[:64].encode("ascii", "replace")))
