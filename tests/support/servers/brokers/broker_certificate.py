"""The certificate of a private broker, with the authority that issued it."""

import os

from tests.support.servers.web.tls_site import Authority

#: Key and certificate, for the name localhost; "authority.pem" next to it.
CERTIFICATE = "server.pem"


def issue_once(folder, user):
    """Put CERTIFICATE into the folder (Path) unless it is there, readable by `user` (an entry of pwd) alone."""
    path = folder / CERTIFICATE
    if path.exists():
        return
    Authority(folder).issue("localhost").rename(path)
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o600)
    (folder / "authority.pem").chmod(0o644)
