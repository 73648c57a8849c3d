"""Writes PrestaShop's own block of `.htaccess`, with the rules that each version writes for a shop's settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from shared.placeholders import token

Version = tuple[int, ...]
#: Marks the block's place among the owner's lines: a line like no other.
_PLACE = b"# ~~PrestaShop's own block~~"
_WAS_MISSING = "PrestaShop's own rules are written: the shop's addresses need them, and the file has none"
_LEFT_OUT = "inside PrestaShop's own block, which is written anew, these lines are not its own and are left out"
_SHOWN = 5
#: PrestaShop keeps the text outside of its own block, and takes the text between these marks for the block.
_BLOCK = re.compile(rb"# ~~start~~.*?# ~~end~~[^\n]*", re.DOTALL)
_KEEPS = (
    "Do not remove this comment, Prestashop will keep automatically the code outside this comment when .htaccess"
    " will be generated again"
)
_SWITCHES = (
    "PS_REWRITING_SETTINGS", "PS_HTACCESS_CACHE_CONTROL", "PS_HTACCESS_DISABLE_MODSEC",
    "PS_HTACCESS_DISABLE_MULTIVIEWS", "PS_LEGACY_IMAGES", "PS_WEBSERVICE_CGI_HOST",
)  # fmt: skip
#: Versions that write a part of the block in another way than the version before.
_CHANGED_IN: tuple[Version, ...] = (
    (1, 6), (1, 6, 0, 11), (1, 6, 0, 12), (1, 6, 1, 12), (1, 6, 1, 15), (1, 7), (1, 7, 1), (1, 7, 2), (1, 7, 4, 1),
    (1, 7, 6), (1, 7, 6, 6), (1, 7, 6, 8), (1, 7, 8), (1, 7, 8, 8), (8,), (8, 0, 2), (8, 1), (8, 1, 2), (9,),
)  # fmt: skip
_OF_ONE_SHOP = re.compile(
    rb"(rewritecond %\{http_host\} \^)[^ ]*\$( \[or\])?"
    rb"|(?<=rewritebase:)[^\]]*|(?<=errordocument 404 )[^ ]*(?=index\.php)"
)
_MODERN_PICTURES = r"/.+(\.(?:jpe?g|webp|png|avif))$"
_LOCKED = """\
<Files composer.lock>
    # Apache 2.2
    <IfModule !mod_authz_core.c>
        Order deny,allow
        Deny from all
    </IfModule>

    # Apache 2.4
    <IfModule mod_authz_core.c>
        Require all denied
    </IfModule>
</Files>
"""
_PDF = """
    <FilesMatch "\\.pdf$">
      Header set Content-Disposition "Attachment"
      Header set X-Content-Type-Options "nosniff"
    </FilesMatch>
"""
_MONTH, _WEEK, _YEAR = "1 month", "1 week", "1 year"
_COMPRESSED = (
    "text/html text/css text/javascript application/javascript application/x-javascript",
    " font/ttf application/x-font-ttf font/otf application/x-font-otf font/opentype",
    " image/svg+xml",
)


def split(content: bytes) -> tuple[bytes, bytes, bytes]:
    """Return (before, block, after) of an `.htaccess`; "" without a block. A second block is removed, too."""
    blocks = list(_BLOCK.finditer(content))
    if not blocks:
        return content, b"", b""
    after = _BLOCK.sub(b"", content[blocks[0].end() :])
    return content[: blocks[0].start()], blocks[0].group(), after


@dataclass(frozen=True)
class OwnBlock:
    """The block of a shop of `version` with the settings `settings`; account-dependent parts are placeholders.

    Media servers are off in every new shop, and there is one shop, at one address. Whether addresses may hold accents
    makes no difference here.
    """

    version: Version
    settings: Mapping[str, str] = field(repr=False)
    nonce: str

    @property
    def is_needed(self) -> bool:
        """Whether the shop's addresses work only with these rules."""
        return self._is_on("PS_REWRITING_SETTINGS")

    def template(self) -> bytes:
        """Return the block from its first comment to its last."""
        parts = [
            self._head(), self._rewriting(), self._types(), self._headers(), self._lock(), self._expiry(),
            self._missing(),
        ]  # fmt: skip
        return "".join(parts).encode("utf-8")

    def put_into(self, content: bytes, owners: Callable[[bytes], bytes]) -> bytes:
        """Return an `.htaccess` with this block in place of its own; `owners` makes a template of the other lines.

        Without a block it is added at the end, as PrestaShop does; if no address needs it, nothing is added.
        """
        before, block, after = split(content)
        if not block and not self.is_needed:
            return owners(content)
        lines = b"\n\n".join(filter(None, [before.strip(), _PLACE, after.strip()])) + b"\n"
        return owners(lines).replace(_PLACE, self.template(), 1)

    def warnings(self, content: bytes) -> list[str]:
        """Return sentences about directives missing in the new block, or missing in `content`."""
        _, block, _ = split(content)
        if not block:
            return [_WAS_MISSING] if self.is_needed else []
        lost = self._lost(block)
        if not lost:
            return []
        # Rules are long, and contain blanks and semicolons
        more = [f"… and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
        return ["\n".join([f"{_LEFT_OUT}:", *lost[:_SHOWN], *more])]

    def _lost(self, block: bytes) -> list[str]:
        """Return the directives of a template's own `block` that no version of PrestaShop writes."""
        lines = [line.strip() for line in block.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
        return [line.decode("utf-8", "replace") for line in lines if _shape(line) not in _known()]

    def _is_on(self, name: str) -> bool:
        return self.settings.get(name, "").strip() not in ("", "0")

    def _filled(self, name: str) -> str:
        filled: bytes = token(self.nonce, name)
        return filled.decode("ascii")

    def _head(self) -> str:
        site = "https://www.prestashop-project.org"
        if self.version < (9,):
            scheme = "https" if self.version >= (1, 7, 8) else "http"
            site = f"{scheme}://www.prestashop.com - {scheme}://www.prestashop.com/forums"
        lines = (
            f"# ~~start~~ {_KEEPS}\n# .htaccess automaticaly generated by PrestaShop e-commerce open-source solution\n"
        )
        lines += f"# {site}\n\n"
        if self.version >= (9,):
            lines += "# Prevent directory listings\nOptions -Indexes\n\n"
        if self._is_on("PS_HTACCESS_DISABLE_MODSEC"):
            lines += "<IfModule mod_security.c>\nSecFilterEngine Off\nSecFilterScanPOST Off\n</IfModule>\n\n"
        return lines

    def _rewriting(self) -> str:
        lines = "<IfModule mod_rewrite.c>\n<IfModule mod_env.c>\nSetEnv HTTP_MOD_REWRITE On\n</IfModule>\n\n"
        if self._is_on("PS_HTACCESS_DISABLE_MULTIVIEWS"):
            lines += "\n# Disable Multiviews\nOptions -Multiviews\n\n"
        lines += "RewriteEngine on\n"
        if self.version >= (9,):
            lines += "# Protect .git\nRewriteRule \\.git - [F,L]\n"
        if self._is_on("PS_WEBSERVICE_CGI_HOST"):
            lines += "RewriteCond %{HTTP:Authorization} ^(.*)\nRewriteRule . - [E=HTTP_AUTHORIZATION:%1]\n\n"
        if self.version >= (1, 6, 0, 12):
            lines += f"\n\n#Domain: {self._filled('domain')}\n"
        lines += f"RewriteRule . - [E=REWRITEBASE:{self._filled('base_uri')}]\n" + self._services()
        if self.is_needed:
            lines += self._pictures()
        fancybox = "%{ENV:REWRITEBASE}" if self.version >= (8, 1) else ""
        lines += "# AlphaImageLoader for IE and fancybox\nRewriteRule ^images_ie/?([^/]+)\\.(jpe?g|png|gif)$ "
        lines += f"{fancybox}js/jquery/plugins/fancybox/images/$1.$2 [L]\n"
        return lines + (self._dispatcher() if self.is_needed else "") + "</IfModule>\n\n"

    def _services(self) -> str:
        """Return the rules of the web service, and of files that customers sent."""
        target = "%{ENV:REWRITEBASE}webservice/dispatcher.php?url=$1 [QSA,L]\n"
        if self.version < (1, 6, 0, 12):
            return f"RewriteRule ^api/?(.*)$ {target}\n"
        if self.version < (1, 7, 6):
            return f"RewriteRule ^api$ api/ [L]\n\nRewriteRule ^api/(.*)$ {target}\n"
        upload = "RewriteRule ^upload/.+$ %{ENV:REWRITEBASE}index.php [QSA,L]\n"
        guarded = (1, 7, 8, 8) <= self.version < (8,) or self.version >= (8, 0, 2)
        return f"RewriteRule ^api(?:/(.*))?$ {target}" + (upload if guarded else "") + "\n"

    def _pictures(self) -> str:
        rules = self._rules_since_8_1() if self.version >= (8, 1) else self._rules_before_8_1()
        # From this version on each of them tests the host
        condition = f"RewriteCond %{{HTTP_HOST}} ^{self._filled('domain')}$\n" if self.version >= (1, 7, 4, 1) else ""
        return "".join(rule if rule.startswith("#") else condition + rule for rule in rules)

    def _rules_before_8_1(self) -> list[str]:
        rules = ["# Images\n"]
        if self._is_on("PS_LEGACY_IMAGES"):
            rules += [
                _rule(r"^([a-z0-9]+)\-([a-z0-9]+)(\-[_a-zA-Z0-9-]*)(-[0-9]+)?/.+\.jpg$", "img/p/$1-$2$3$4.jpg"),
                _rule(r"^([0-9]+)\-([0-9]+)(-[0-9]+)?/.+\.jpg$", "img/p/$1-$2$3.jpg"),
            ]
        for digits in range(1, 8 if self.version >= (1, 7, 8) else 9):
            numbers = [f"${one}" for one in range(1, digits + 3)]
            folder, name = "/".join(numbers[:digits]), "".join(numbers)
            number = "([0-9])" * digits
            rules.append(_rule(rf"^{number}(\-[_a-zA-Z0-9-]*)?(-[0-9]+)?/.+\.jpg$", f"img/p/{folder}/{name}.jpg"))
        return [
            *rules,
            _rule(r"^c/([0-9]+)(\-[\.*_a-zA-Z0-9-]*)(-[0-9]+)?/.+\.jpg$", "img/c/$1$2$3.jpg"),
            _rule(r"^c/([a-zA-Z_-]+)(-[0-9]+)?/.+\.jpg$", "img/c/$1$2.jpg"),
        ]

    def _rules_since_8_1(self) -> list[str]:
        is_9 = self.version >= (9,)
        rules = ["# Rewrites for product images (support up to < 10 million images)\n" if is_9 else "# Images\n"]
        if self._is_on("PS_LEGACY_IMAGES") and not is_9:
            rules += [
                _rule(rf"^([a-z0-9]+\-[a-z0-9]+\-[-\w]*){_MODERN_PICTURES}", "img/p/$1$2.jpg"),
                _rule(rf"^([\d]+(?:\-[\d]+){{1,2}}){_MODERN_PICTURES}", "img/p/$1$2.jpg"),
            ]
        for digits in range(1, 8):
            folder = "/".join(f"${one}" for one in range(2, digits + 2))
            number = r"([\d])" * digits
            rules.append(_rule(rf"^({number}(?:\-[\w-]*)?){_MODERN_PICTURES}", f"img/p/{folder}/$1${digits + 2}"))
        thumb, name = ("(|_thumb)", "$1$2$3$4") if is_9 else ("", "$1$2$3")
        return [
            *rules,
            *(["# Rewrites for category images\n"] if is_9 else []),
            _rule(rf"^c/([\d]+){thumb}(\-[\.*\w-]*){_MODERN_PICTURES}", f"img/c/{name}"),
            _rule(rf"^c/([a-zA-Z_-]+){thumb}(-[\d]+)?{_MODERN_PICTURES}", f"img/c/{name}"),
        ]

    def _dispatcher(self) -> str:
        title = "Send all other traffic to dispatcher" if self.version >= (9,) else "Dispatcher"
        there = "RewriteCond %{REQUEST_FILENAME} -s [OR]\nRewriteCond %{REQUEST_FILENAME} -l [OR]\n"
        there += "RewriteCond %{REQUEST_FILENAME} -d\nRewriteRule ^.*$ - [NC,L]\n"
        return f"\n# {title}\n{there}RewriteRule ^.*$ %{{ENV:REWRITEBASE}}index.php [NC,L]\n"

    def _types(self) -> str:
        woff2 = self._woff2()
        woff = "application/font-woff" if self.version >= (1, 7) else "application/x-font-woff"
        fonts = [f"{woff} .woff", *([f"{woff2} .woff2"] if woff2 else [])]
        fonts = fonts if self.version >= (1, 7) else fonts[::-1]
        types = ["application/vnd.ms-fontobject .eot", "font/ttf .ttf", "font/otf .otf", *fonts]
        end = "" if self.version >= (1, 6, 0, 12) else "\n"
        return "".join(f"AddType {one}\n" for one in types) + end

    def _headers(self) -> str:
        if self.version < (1, 6, 0, 12):
            return ""
        adds = self.version < (1, 6, 1, 12) or (1, 7) <= self.version < (1, 7, 1)
        endings = "ttf|ttc|otf|eot|woff|woff2|svg" if self.version >= (1, 6, 1, 15) else "ttf|ttc|otf|eot|woff|svg"
        pdf = _PDF if (1, 7, 6, 8) <= self.version < (8, 1, 2) else ""
        return (
            f'<IfModule mod_headers.c>\n\t<FilesMatch "\\.({endings})$">\n'
            f'\t\tHeader {"add" if adds else "set"} Access-Control-Allow-Origin "*"\n'
            f"\t</FilesMatch>\n{pdf}</IfModule>\n\n"
        )

    def _lock(self) -> str:
        return _LOCKED if self.version >= (1, 7, 6, 6) else ""

    def _expiry(self) -> str:
        if not self._is_on("PS_HTACCESS_CACHE_CONTROL"):
            return ""
        lines = "<IfModule mod_expires.c>\n\tExpiresActive On\n"
        if self.version >= (8, 1, 2):
            lines += "    AddType image/webp .webp\n"
        lines += "".join(f'\tExpiresByType {kind} "access plus {time}"\n' for kind, time in self._times())
        tags = "FileETag INode MTime Size\n"
        if self.version >= (1, 6, 0, 11):
            tags = "<IfModule mod_headers.c>\n    Header unset Etag\n</IfModule>\nFileETag none\n"
        parts = 1 if self.version < (1, 6, 0, 12) else 2 if self.version < (1, 6, 1, 12) else 3
        kinds = "".join(_COMPRESSED[:parts])
        return (
            f"{lines}</IfModule>\n\n{tags}<IfModule mod_deflate.c>\n    <IfModule mod_filter.c>\n"
            f"        AddOutputFilterByType DEFLATE {kinds}\n    </IfModule>\n</IfModule>\n\n"
        )

    def _times(self) -> list[tuple[str, str]]:
        pictures = ["image/webp", "image/avif"] if self.version >= (8, 1, 2) else []
        woff2 = self._woff2()
        long = [
            "image/x-icon", "image/svg+xml", "image/vnd.microsoft.icon", "application/font-woff",
            "application/x-font-woff", *([woff2] if woff2 else []), "application/vnd.ms-fontobject", "font/opentype",
            "font/ttf", "font/otf", "application/x-font-ttf", "application/x-font-otf",
        ]  # fmt: skip
        short = ["text/css", "text/javascript", "application/javascript", "application/x-javascript"]
        return [
            *((kind, _MONTH) for kind in [*pictures, "image/gif", "image/jpeg", "image/png"]),
            *((kind, _WEEK) for kind in short),
            *((kind, _YEAR) for kind in long),
        ]

    def _woff2(self) -> str:
        if self.version < (1, 6, 1, 15):
            return ""
        return "application/font-woff2" if (1, 7) <= self.version < (1, 7, 2) else "font/woff2"

    def _missing(self) -> str:
        missing = f"ErrorDocument 404 {self._filled('base_uri')}index.php?controller=404\n\n"
        return f"#If rewrite mod isn't enabled\n{missing}# ~~end~~ {_KEEPS}"


@lru_cache(maxsize=1)
def _known() -> frozenset[bytes]:
    """Return the shapes of all lines that any version writes: an update does not rewrite the block."""
    on = dict.fromkeys(_SWITCHES, "1")
    return frozenset(
        _shape(line) for version in _CHANGED_IN for line in OwnBlock(version, on, "0" * 8).template().splitlines()
    )


def _rule(pattern: str, target: str) -> str:
    return f"RewriteRule {pattern} %{{ENV:REWRITEBASE}}{target} [L]\n"


def _shape(line: bytes) -> bytes:
    """Return a line without the parts that differ between shops: host and folder."""
    return _OF_ONE_SHOP.sub(rb"\1", b" ".join(line.split()).lower())
