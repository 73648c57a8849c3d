"""Writes WordPress's own block of `.htaccess`, as each version writes it for a site whose addresses need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WAS_MISSING = "WordPress's own rules are written: the site's addresses need them, and the file has none"
_WAS_ELSEWHERE = "WordPress's own rules named another folder than the site's address and are written anew"
_LEFT_OUT = "these of their lines are not WordPress's own and are left out"
_SHOWN = 5
_INDEX = b"index.php"
#: Addresses that begin so need no rules (WP_Rewrite::using_index_permalinks).
_WITHOUT_RULES = re.compile(rb"/*index\.php")
_BEGIN = rb"[^\n]*# BEGIN WordPress[ \t\r]*$"
_MARKED = rb"^" + _BEGIN + rb"\n(?:(?!" + _BEGIN + rb")[^\n]*\n)*?[^\n]*# END WordPress[ \t\r]*$"
_RULES = (
    rb"[ \t]*RewriteEngine\s+On\s+(?:RewriteRule\s+\.\*\s+-\s+\[E=HTTP_AUTHORIZATION:\S+\]\s+)?"
    rb"(?:RewriteBase\s+\S+\s+)?(?:RewriteRule\s+\^index\\\.php\$\s+-\s+\[L\]\s+)?RewriteCond\s+%\{REQUEST_FILENAME\}\s+!-f\s+"
    rb"RewriteCond\s+%\{REQUEST_FILENAME\}\s+!-d\s+RewriteRule\s+\.\*?\s+\S*index\.php\s+\[L\]"
)
#: The block, or the same lines copied without the marks of WordPress's own.
_OWN = re.compile(
    _MARKED + rb"|^[ \t]*<IfModule\s+mod_rewrite\.c>\s*" + _RULES + rb"\s*</IfModule>|^" + _RULES,
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class OwnBlock:
    """The block of a site of `version` below `base_uri`, whose option `permalink_structure` is `permalinks`."""

    version: tuple[int, ...]
    base_uri: str
    permalinks: bytes

    @property
    def is_needed(self) -> bool:
        """Whether the site's addresses work only with these rules."""
        return bool(self.permalinks) and not _WITHOUT_RULES.match(self.permalinks)

    def text(self) -> bytes:
        """Return the block from its first comment to its last, without an end of line."""
        # The empty line is WordPress's own: if nothing differs, it leaves the file alone
        rules = ["<IfModule mod_rewrite.c>", *self._rules(), "</IfModule>", ""]
        lines = ["# BEGIN WordPress", *self._comments(), *rules, "# END WordPress"]
        return "\n".join(lines).encode("utf-8")

    def put_into(self, content: bytes) -> bytes:
        """Return an `.htaccess` with this block, or `content` itself if its own block works or no address needs one.

        The block replaces one that does not work; without one it is added at the end, as WordPress does.
        """
        blocks = list(_OWN.finditer(content))
        if not self.is_needed or self._does(blocks):
            return content
        before, after = content, b""
        if blocks:
            before, after = content[: blocks[0].start()], _OWN.sub(b"", content[blocks[0].end() :])
        return b"\n\n".join(filter(None, [before.strip(), self.text(), after.strip()])) + b"\n"

    def warnings(self, content: bytes) -> list[str]:
        """Return sentences about what was added to `content`, and which of its lines were removed."""
        blocks = list(_OWN.finditer(content))
        if not self.is_needed or self._does(blocks):
            return []
        said = _WAS_ELSEWHERE if any(_folders(one.group()) for one in blocks) else _WAS_MISSING
        own = {_shape(line) for line in _directives(self.text())}
        lost = [line for one in blocks for line in _directives(one.group()) if _shape(line) not in own]
        if not lost:
            return [said]
        shown = [line.decode("utf-8", "replace") for line in lost[:_SHOWN]]
        more = [f"… and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
        return [said, "\n".join([f"{_LEFT_OUT}:", *shown, *more])]

    def _does(self, blocks: list[re.Match[bytes]]) -> bool:
        """Return whether `blocks` lead the addresses to the site's own folder."""
        own = self.base_uri.encode("utf-8")
        return bool(blocks) and all(_folders(one.group(), own) == {own} for one in blocks)

    def _comments(self) -> list[str]:
        if self.version < (5, 3):
            return []
        quote = '"' if self.version >= (5, 5) else "`"
        return [
            f"# The directives (lines) between {quote}BEGIN WordPress{quote} and {quote}END WordPress{quote} are",
            "# dynamically generated, and should only be modified via WordPress filters.",
            "# Any changes to the directives between these markers will be overwritten.",
        ]

    def _rules(self) -> list[str]:
        authorization = "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]"
        return [
            "RewriteEngine On",
            *([authorization] if self.version >= (5, 6) else []),
            f"RewriteBase {self.base_uri}",
            "RewriteRule ^index\\.php$ - [L]",
            "RewriteCond %{REQUEST_FILENAME} !-f",
            "RewriteCond %{REQUEST_FILENAME} !-d",
            f"RewriteRule . {self.base_uri}index.php [L]",
        ]


def _directives(block: bytes) -> Iterator[bytes]:
    """Yield the lines that are not comments."""
    lines = (line.strip() for line in block.splitlines())
    return (line for line in lines if line and not line.startswith(b"#"))


def _folders(block: bytes, relative: bytes = b"./") -> set[bytes]:
    """Return the folders below which rules of `block` find `index.php`, each with a slash before and after it.

    A rule that names it without a folder finds it in the file's own: `relative` stands for that.
    """
    bases, targets = list[bytes](), list[bytes]()
    for name, *words in map(bytes.split, _directives(block)):
        if name.lower() == b"rewritebase" and words:
            bases.append(words[0].strip(b"\"'"))
        elif name.lower() == b"rewriterule" and len(words) > 1:
            target = words[1].strip(b"\"'").partition(b"?")[0]
            targets += [target] if target.endswith(_INDEX) else []
    if not targets:
        return set()
    named = [*bases, *(one.removesuffix(_INDEX) for one in targets if one.startswith(b"/"))]
    return {one.rstrip(b"/") + b"/" for one in named} or {relative}


def _shape(line: bytes) -> bytes:
    """Return a line without the part that differs between sites: the folder."""
    return re.sub(rb"(?<=rewritebase )\S+|(?<=rewriterule \. )\S*(?=index\.php)", b"", b" ".join(line.split()).lower())
