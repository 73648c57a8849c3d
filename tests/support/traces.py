"""Looking for texts in the files and tables of a shop, in every spelling in which they could stand there."""

import base64
import subprocess
from urllib.parse import quote

#: Shorter texts occur by chance.
SHORTEST = 6


def spellings(text):
    """Return the spellings of `text` (str) to look for, as bytes: plain, escaped, url- and HTML-encoded, base64."""
    plain = {text, text.replace("/", "\\/"), text.replace("/", "\\\\/"), text.replace("\n", "\\n")}
    encoded = quote(text, safe="")
    plain |= {encoded, encoded.lower(), quote(encoded, safe=""), quote(text), text.replace("@", "&#64;")}
    found = {form.encode("utf-8") for form in plain}
    return found | base64_inside(text.encode("utf-8"))


def base64_inside(data):
    """Return what `data` becomes within any longer base64 text: one spelling for each of the three alignments."""
    found = set()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data)
        # The characters at both ends depend on the neighbours
        first = -(-shift * 8 // 6)
        found.add(text[first : (shift + len(data)) * 8 // 6])
    return found


class Traces:
    """The texts `known` (name -> str) that may occur nowhere."""

    def __init__(self, known):
        self._forms = {
            form: name for name, text in known.items() if len(text) >= SHORTEST for form in spellings(text)
        }  # fmt: skip

    def found_in(self, data):
        """Return the names of the texts that occur in `data` (bytes)."""
        return {name for form, name in self._forms.items() if form in data}

    def in_tree(self, root):
        """Return (path, name) of what occurs in names and contents of everything below `root`."""
        found = []
        for path in sorted(root.rglob("*")):
            names = self.found_in(str(path.relative_to(root)).encode("utf-8", "surrogateescape"))
            if path.is_symlink():
                names |= self.found_in(str(path.readlink()).encode())
            elif path.is_file():
                names |= self.found_in(path.read_bytes())
            found += [(str(path.relative_to(root)), name) for name in sorted(names)]
        return found

    def in_database(self, socket, database):
        """Return the names of what occurs in the definitions or rows of `database`, read as root over `socket`."""
        command = ["mariadb-dump", "--no-defaults", "-uroot", f"-S{socket}", "--routines", "--events", database]
        return self.found_in(subprocess.run(command, capture_output=True, check=True).stdout)
