"""A real OpenSSH server for tests, for one login by key; gone with the folder it lives in."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from controller.panels.local.private_stack.stack import free_port

SSHD = "/usr/sbin/sshd"
#: sshd wants it whatever its configuration says.
PRIVILEGE_FOLDER = Path("/run/sshd")
WAIT_SECONDS = 120


class SshServer:
    """Lets `user` in by a key; `home` is what the login takes for its home (default: the account's own).

    `client_config` is an ssh_config that knows key, port and host.
    """

    def __init__(self, user, home=None):
        # The login itself reads which keys are allowed
        self.folder = Path(tempfile.mkdtemp(prefix="shoplaunch-ssh-"))
        self.folder.chmod(0o711)
        self.user = user
        self.target = f"{user}@127.0.0.1"
        self.port = free_port()
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True)
        self._keys = self.folder / "authorized_keys"
        self._keys.write_text((self.folder / "key.pub").read_text())
        self._write_config(home)
        self.trust()
        self.client_config = self.folder / "ssh_config"
        self.client_config.write_text(
            f"Host *\n Port {self.port}\n IdentityFile {self.folder}/key\n IdentitiesOnly yes\n"
            f" UserKnownHostsFile {self.folder}/known_hosts\n GlobalKnownHostsFile /dev/null\n"
        )

    def _write_config(self, home):
        lines = [
            f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.folder}/host", "UsePAM no",
            f"AuthorizedKeysFile {self._keys}", "StrictModes no", "PasswordAuthentication no",
            "PermitRootLogin prohibit-password", f"AllowUsers {self.user}", f"PidFile {self.folder}/pid",
        ]  # fmt: skip
        if home is not None:
            lines.append(f"SetEnv HOME={home}")
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")

    def trust(self):
        """The client knows the server."""
        kind, key = (self.folder / "host.pub").read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def forget(self):
        """The client does not know the server any more."""
        (self.folder / "known_hosts").write_text("")

    def start(self):
        """Start and wait until it answers."""
        PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
        log = (self.folder / "log").open("wb")
        with log:
            command = [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return self
            except OSError:
                assert time.monotonic() < end and self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self):
        """End it."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)
        self._process.wait(WAIT_SECONDS)
        shutil.rmtree(self.folder)
