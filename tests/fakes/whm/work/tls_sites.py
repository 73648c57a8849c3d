"""Sites over TLS: the real Apache serves an account's site with the certificate it was given."""

import re
import socket
import ssl
from pathlib import Path

from controller.files import write_durably
from controller.panels.local import commands
from controller.panels.local.config_files import exclusive
from controller.panels.local.private_stack.config import APACHE_MODULES
from controller.panels.local.services.apache import Sites
from tests.support.waiting import wait_until

MODULES = ("socache_shmcb", "ssl")
#: Read before the sites, which Apache takes in the order of their names; one file, so that no reload misses any.
FILE_NAME = "000-tls.conf"
WAIT_SECONDS = 120
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*", re.S)
_SITE = re.compile(r"<VirtualHost \*:\d+>(.*)</VirtualHost>", re.S)


class TlsSites:
    """Port 443 of one server (another one when that is taken), and the sites on it."""

    def __init__(self, settings, ip, port):
        self._settings = settings
        self._ip = ip
        self.port = port
        self._head = ""
        self._sites = {}

    def start(self, pem):
        """The port answers with a certificate nobody trusts, as a fresh server does."""
        lines = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in MODULES]
        cache = Path(self._settings.apache_logs).parent / "run" / "ssl_scache"
        lines += [f"Listen {self._ip}:{self.port}", f"SSLSessionCache shmcb:{cache}(512000)"]
        inner = "\n    ServerName shoplaunch.invalid\n    Redirect 404 /\n"
        self._head = "\n".join(lines) + "\n" + self._host(inner, pem)
        self._change("", None)
        self._wait("shoplaunch.invalid", pem)

    def serve(self, user, pem):
        """The account's site is served on the port, too, just as on the other one."""
        sites = Sites(self._settings)
        part = sites._service().parts()[user].decode()
        site, domain = self._host(_SITE.search(part).group(1), pem), sites.of(user).host
        if site == self._sites.get(user) and self._presented(domain) == _der(pem):
            # A reload may cut a connection that is just open
            return
        self._change(user, site)
        self._wait(domain, pem)

    def remove(self, user):
        """The account's site is served on the port no more."""
        if user in self._sites:
            self._change(user, None)

    def _host(self, inner, pem):
        tls = f"    SSLEngine on\n    SSLCertificateFile {pem}\n"
        return f"<VirtualHost *:{self.port}>{inner}{tls}</VirtualHost>\n"

    def _change(self, user, site):
        with exclusive(self._settings.state_folder, "apache"):
            self._sites.pop(user, None)
            if site is not None:
                self._sites[user] = site
            text = self._head + "".join(self._sites.values())
            write_durably(Path(self._settings.apache_sites) / FILE_NAME, text.encode(), 0o644)
            commands.run([*self._settings.apache, "-t"])
            commands.run(self._settings.apache_reload)

    def _wait(self, name, pem):
        """The reload is over: who asks for `name` is shown the certificate in `pem`."""
        wait_until(
            lambda: self._presented(name) == _der(pem), f"the certificate of {name} is not served", seconds=WAIT_SECONDS
        )

    def _presented(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection((self._ip, self.port), 10) as raw,
                context.wrap_socket(raw, server_hostname=name) as secure,
            ):
                return secure.getpeercert(binary_form=True)
        except OSError:
            # It does not listen yet, or cuts connections while it reads its files again
            return None


def _der(pem):
    """Return the first certificate of the file `pem` as it is shown to clients that connect."""
    return ssl.PEM_cert_to_DER_cert(_CERTIFICATE.search(Path(pem).read_text()).group())
