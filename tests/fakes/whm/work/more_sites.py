"""Further domains of accounts: the real Apache serves them as it serves the account's own site, from their roots."""

import hashlib
import http.client
import re
from pathlib import Path

from controller.files import write_durably
from controller.panels.local import commands
from controller.panels.local.config_files import exclusive
from controller.panels.local.services.apache import GONE, Sites
from tests.support.waiting import wait_until

#: Read after the accounts' own sites.
FILE_NAME = "zz-more.conf"
SECONDS = 120
_NAMES = re.compile(r"^    Server(Name|Alias) .*\n", re.M)
_ROOT = re.compile(r"^(    DocumentRoot |    <Directory )[^>\n]*", re.M)
_MARK = re.compile(r"(?<=\.shoplaunch-site-)[0-9a-f]+")


class MoreSites:
    """The virtual hosts of further domains on one server."""

    def __init__(self, settings):
        self._settings = settings
        #: user -> {domain: text}
        self._hosts = {}

    def serve(self, hosting):
        """Every further domain of the account is served, by the PHP of its own site."""
        part = Sites(self._settings)._service().parts()[hosting.user].decode()
        self._change(hosting.user, {site.domain: _host(part, site) for site in hosting.sites.values()})

    def remove(self, user):
        """No further domain of the account is served."""
        self._change(user, {})

    def _change(self, user, hosts):
        if hosts == self._hosts.get(user, {}):
            return
        with exclusive(self._settings.state_folder, "apache"):
            self._hosts[user] = hosts
            text = "".join(host for hosts in self._hosts.values() for host in hosts.values())
            write_durably(Path(self._settings.apache_sites) / FILE_NAME, text.encode(), 0o644)
            commands.run([*self._settings.apache, "-t"])
            commands.run(self._settings.apache_reload)
            for domain, host in hosts.items():
                self._wait(domain, _MARK.search(host).group())

    def _wait(self, domain, mark):
        """Wait until Apache has read the text."""
        wait_until(lambda: self._answer(domain, mark) == GONE, f"Apache does not serve {domain}", seconds=SECONDS)

    def _answer(self, domain, mark):
        connection = http.client.HTTPConnection(self._settings.http_ip, self._settings.http_port, timeout=5)
        try:
            connection.request("GET", f"/.shoplaunch-site-{mark}", headers={"Host": domain})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            # Connections may be cut while it reads its files again.
            return None
        finally:
            connection.close()


def _host(part, site):
    """Return the account's own virtual host `part` made one of the `site`."""
    names = f"    ServerName {site.domain}\n    ServerAlias www.{site.domain}\n"
    if site.name != site.domain and site.kind != "parked":
        names += f"    ServerAlias {site.name}\n"
    head, _, rest = _NAMES.sub("", part[part.index("<VirtualHost") :]).partition("\n")
    text = f"{head}\n{names}{_ROOT.sub(lambda found: found.group(1) + site.root, rest)}"
    return _MARK.sub(hashlib.sha256(text.encode()).hexdigest()[:16], text)
