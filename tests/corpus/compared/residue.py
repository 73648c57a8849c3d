"""Stage compare, residue: nothing in the shop's files and tables leads to the template or was its secret."""

import os
import re
import subprocess

from tests.corpus.compared import compare_tree
from tests.corpus.template import COMMON, SHORTEST
from tests.support.traces import Traces

#: Pictures, archives, fonts and films hold no addresses.
UNREAD = re.compile(
    r"(?i)\.(?:jpe?g|png|gif|webp|avif|ico|bmp|tiff?|psd|zip|gz|tgz|rar|7z|phar|woff2?|ttf|eot|otf|mp[34]|webm|mov|pdf|"
    r"mo|pxm|swf|xlsx|docx)$"
)
PLACEHOLDER = re.compile(rb"@@SL[0-9a-f]{8}")
#: Files of others, which name such hosts as examples.
UPSTREAM = re.compile(
    r"(?i)(?:^|/)(?:vendor|node_modules|tests?|docs?|examples?|wp-includes|wp-admin|tools)/|\.(?:md|rst|txt|map)$"
)
SHOWN = 40


def needles(template):
    """Return (name -> text of what may occur nowhere, pattern of the template's addresses or None)."""
    texts = {f"secret {name}": value for name, value in template.secrets.items()}
    texts |= {f"email {number}": email for number, email in enumerate(template.emails) if "@" in email}
    texts |= {f"path {number}": path for number, path in enumerate(template.paths)}
    addresses = set()
    for address in template.addresses:
        host, _, path = address.rstrip("/").partition("/")
        name = host.partition(":")[0]
        if name in COMMON and path:
            addresses.add(f"{host}/{path}")
        elif name not in COMMON or ":" in host:
            texts[f"domain {host}"] = host
        else:
            addresses.add(host)
    slash = rb"(?:/|\\+/|%2[fF])"
    forms = [re.escape(one.encode()).replace(b"/", slash) for one in sorted(addresses)]
    pattern = slash + rb"{2}(?:" + b"|".join(forms) + rb")(?![\w.:-])" if forms else None
    # The application's own code names the people of its demonstration data
    texts = {
        name: text for name, text in texts.items() if len(text) >= SHORTEST and not text.endswith("@prestashop.com")
    }
    return texts, re.compile(pattern) if pattern else None


class Search:
    """Looks for the needles of `template`."""

    def __init__(self, template, own):
        texts, self._addresses = needles(template)
        # What the new shop is called by itself is none
        self._traces = Traces({name: text for name, text in texts.items() if text not in own})
        self.names = sorted(texts)

    def found_in(self, data, upstream=False):
        """Return the names of what occurs in `data`."""
        found = set(self._traces.found_in(data))
        if upstream:
            found -= {name for name in found if name.startswith(("path", "domain"))}
        if PLACEHOLDER.search(data):
            found.add("placeholder")
        if self._addresses and not upstream and self._addresses.search(data):
            found.add("address")
        return found

    def in_tree(self, root, template_root):
        """Return [{"file", "what"}] of what occurs below `root`; of others' own files only what they gained."""
        admin = compare_tree.admin_folder(root)
        originals = compare_tree.listing(template_root, compare_tree.admin_folder(template_root))
        found = []
        for path, (absolute, size, link) in sorted(compare_tree.listing(root, admin).items()):
            if link is not None or UNREAD.search(path) or compare_tree.CACHES.search(path) or size > 64 * 1024 * 1024:
                continue
            with open(absolute, "rb") as stream:
                names = self.found_in(stream.read(), bool(UPSTREAM.search(path)))
            found += [{"file": path, "what": name, "as in the template": path in originals} for name in sorted(names)]
        return found

    def in_database(self, socket, database):
        """Return [{"table", "what"}] of what occurs in definitions or rows."""
        found = []
        for table in _tables(socket, database):
            command = [
                "mariadb-dump",
                "--no-defaults",
                "-uroot",
                f"-S{socket}",
                "--skip-extended-insert",
                database,
                table,
            ]
            data = subprocess.run(command, capture_output=True, check=True).stdout
            names = self.found_in(data)
            for name in sorted(names):
                rows = [line for line in data.splitlines() if name in self.found_in(line)]
                found.append({"table": table, "what": name, "rows": len(rows)})
        return found


def _tables(socket, database):
    command = ["mariadb", "--no-defaults", "-uroot", f"-S{socket}", "-N", "-e", "SHOW TABLES", database]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\n")
    return [name for name in listed if name and not name.startswith("shoplaunch_")]


def search(template, row, root, template_root, socket, database):
    """Return the document: {"searched", "files": [...], "tables": [...], "total"}."""
    work = Search(template, {row["domain"], f"{row['account']}@example.com"})
    files = work.in_tree(os.fspath(root), os.fspath(template_root))
    tables = work.in_database(socket, database)
    return {"searched": work.names, "files": files[:SHOWN], "tables": tables[:SHOWN], "total": len(files) + len(tables)}
