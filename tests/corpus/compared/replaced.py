"""Two texts are the same but for what every shop has of its own: both are brought into one form and compared."""

import base64
import binascii
import html
import re
from urllib.parse import quote

_LENGTH = re.compile(rb"\bs:\d+:")
_SCHEME = re.compile(rb"https?(:|%3A|&#58;)", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
#: However often it is escaped, a separator of Windows is a slash on the new host.
_SEPARATOR = re.compile(rb"\\+/?")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
#: No letter stands before, but for those of an escape.
_BEGINNING = rb"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
SHORTEST = 3


def spellings(text):
    """Return the ways `text` may be written in a row or file, as bytes."""
    plain = {text, text.replace("/", "\\/"), text.replace("/", "\\\\/"), text.replace("/", "\\\\\\/")}
    plain |= {quote(text, safe=""), quote(text), quote(text, safe="").lower(), html.escape(text)}
    plain |= {html.escape(text, quote=False), text.replace("@", "&#64;"), text.replace("\\", "\\\\"), text.lower()}
    plain |= {text.replace("'", "\\'"), text.encode("ascii", "backslashreplace").decode("ascii")}
    return {form.encode("utf-8") for form in plain if form}


class Canonical:
    """Replaces what is a shop's own by its name; `known` is [(name, text)], the longest texts first."""

    def __init__(self, known):
        self._is_windows = any(name == "path" and _WINDOWS.match(text) for name, text in known)
        forms = {}
        for name, text in known:
            if len(text) >= SHORTEST:
                for form in spellings(text):
                    forms.setdefault(self._slashed(form), name.encode())
        listed = sorted(forms, key=len, reverse=True)
        self._names = forms
        self._bases = _base_pattern(known)
        # A word is replaced where it stands as one
        self._pattern = re.compile(
            b"|".join(_BEGINNING * _is_wordy(form) + re.escape(form) for form in listed) or rb"(?!)"
        )

    def __call__(self, data):
        """Return `data` (bytes) in the form that is the same for every shop."""
        made = self._plain(self._slashed(data))
        return _BASE64.sub(self._inside, made)

    def _slashed(self, data):
        return _SEPARATOR.sub(b"/", data) if self._is_windows else data

    def _plain(self, data):
        # Before a shop's name is taken out of its folder's
        made = self._bases.sub(b"", data) if self._bases else data
        made = self._pattern.sub(lambda found: b"<" + self._names[found[0]] + b">", made)
        made = _LENGTH.sub(b"s:N:", _SCHEME.sub(rb"http\1", made))
        # With and without a slash at the end, at a root and in a folder
        return re.sub(rb"<address>(?:\\*/|%2[fF])?", b"<address>", made)

    def _inside(self, found):
        try:
            decoded = self._slashed(base64.b64decode(found[0], validate=True))
        except (binascii.Error, ValueError):
            return found[0]
        made = self._plain(decoded)
        return b"<base64 " + made + b">" if made != decoded else found[0]


def _base_pattern(known):
    """Return the pattern of the folders of shops where an address without a host begins with them, None without any."""
    bases = {text.partition("/")[2].strip("/") for name, text in known if name == "address"} - {""}
    slash = rb"(?:\\*/|%2[fF])"
    forms = [re.escape(base.encode()).replace(b"/", slash) for base in sorted(bases, key=len, reverse=True)]
    return re.compile(rb"(?<![\w.>/\\-])" + slash + rb"(?:" + b"|".join(forms) + rb")(?=\\*/)") if forms else None


def _is_wordy(form):
    return form[:1].isalnum()


def template_values(template):
    """Return [(name, text)] of what `template` has of its own."""
    found = [("address", address) for address in template.addresses]
    found += [("address", address.rstrip("/")) for address in template.addresses]
    found += [("path", path) for path in template.paths]
    found += [("email", email) for email in template.emails]
    found += [("secret", value) for value in template.secrets.values()]
    return [*found, ("name", template.name)]


def shop_values(row, root):
    """Return [(name, text)] of what the restored shop of the evidence `row` has of its own."""
    address = re.sub(r"^https?://", "", row["shop_url"])
    found = [("address", address), ("address", address.rstrip("/")), ("address", address.partition("/")[0])]
    found += [("path", str(root)), ("email", f"{row['account']}@example.com")]
    return [*found, ("name", row["shop_name"])]
