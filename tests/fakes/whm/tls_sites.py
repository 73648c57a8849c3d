"""Sites over TLS: the real Apache serves an account's site with the certificate it was given."""

import re
from pathlib import Path

from controller.panels.local import commands
from controller.panels.local.config_files import exclusive
from controller.panels.local.stack_config import APACHE_MODULES

MODULES = ("socache_shmcb", "ssl")
#: Read before the sites, which Apache takes in the order of their names.
FIRST = "000-tls.conf"
_SITE = re.compile(r"<VirtualHost \*:\d+>(.*)</VirtualHost>", re.S)


class TlsSites:
    """Port 443 of one server (another one when that is taken), and the sites on it."""

    def __init__(self, settings, ip, port):
        self._settings = settings
        self._folder = Path(settings.apache_sites)
        self._ip = ip
        self.port = port

    def start(self, pem):
        """The port answers with a certificate nobody trusts, as a fresh server does."""
        lines = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in MODULES]
        cache = Path(self._settings.apache_logs).parent / "run" / "ssl_scache"
        lines += [f"Listen {self._ip}:{self.port}", f"SSLSessionCache shmcb:{cache}(512000)"]
        lines += [f"<VirtualHost *:{self.port}>", "    ServerName shoplaunch.invalid", "    SSLEngine on"]
        lines += [f"    SSLCertificateFile {pem}", "    Redirect 404 /", "</VirtualHost>", ""]
        self._write(self._folder / FIRST, "\n".join(lines))

    def serve(self, user, pem):
        """The account's site is served on the port, too, just as on the other one."""
        plain = (self._folder / f"shoplaunch-{user}.conf").read_text()
        inner = _SITE.search(plain).group(1)
        tls = f"    SSLEngine on\n    SSLCertificateFile {pem}\n"
        self._write(self._path(user), f"<VirtualHost *:{self.port}>{inner}{tls}</VirtualHost>\n")

    def remove(self, user):
        """The account's site is served on the port no more."""
        if self._path(user).exists():
            with self._alone():
                self._path(user).unlink()
                commands.run(self._settings.apache_reload)

    def _path(self, user):
        return self._folder / f"tls-{user}.conf"

    def _write(self, path, text):
        with self._alone():
            path.write_text(text)
            commands.run([*self._settings.apache, "-t"])
            commands.run(self._settings.apache_reload)

    def _alone(self):
        return exclusive(self._settings.state_folder, "apache")
