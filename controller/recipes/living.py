"""Removes from `.htaccess` what closes a development or unfinished site, since a new shop is open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from controller.recipes.tree.htaccess import HTACCESS, Adapted

DEVELOPMENT = "a developer's environment and shown errors are switched off"
PASSWORD = "the password before the pages is taken away: its file stays behind, and a new client does not know it"  # noqa: S105
ADDRESSES = "it is open to every address: the template's let in some alone"
MAINTENANCE = "rules that lead all but some visitors to a notice are left out"

_VARIABLES = (
    rb"(?:APP_ENV|APP_DEBUG|SYMFONY_ENV|SYMFONY_DEBUG|SYMFONY__\w+|APPLICATION_ENV|_?PS_(?:DEV_MODE|MODE_DEV_?)"
    rb"|WP_ENV|WP_ENVIRONMENT_TYPE|WP_DEBUG\w*|WORDPRESS_DEBUG|XDEBUG_\w+|ENVIRONMENT)"
)
_DEVELOPMENT = re.compile(
    rb"\s*(?:(?:SetEnv|PassEnv)\s+\"?" + _VARIABLES + rb"\b|SetEnvIf(?:NoCase)?\s+\S+\s+\S+\s+" + _VARIABLES + rb"\b"
    rb"|php_(?:admin_)?(?:flag|value)\s+(?:display_errors|display_startup_errors|html_errors|error_reporting|error_log"
    rb"|xdebug\.\S+)\b)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    rb"\s*(?:Auth(?:Type|Name|UserFile|GroupFile|Basic\w*|Digest\w*)|Require\s+(?:valid-user|user|group)|Satisfy)\b",
    re.IGNORECASE,
)
_ASKS_PASSWORD = re.compile(rb"^[^\S\n]*+AuthType\s+(?!None\b)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(
    rb"\s*(?:Order\s+\S+|(?:Deny|Allow)\s+from\s|Require\s+(?:not\s+)?(?:ip|host|local|all)\b)", re.IGNORECASE
)
_CLOSES = re.compile(rb"\s*(?:Deny\s+from\s+all|Require\s+(?:ip|host|local|all\s+denied))\b", re.IGNORECASE)
#: Sections that apply to part of a site only; those that test for a module apply to all of it.
_SECTION = re.compile(rb"\s*<(/?)(?!/?(?:IfModule|IfVersion|IfDefine|Require\w+|Limit\w*)\b)\w+", re.IGNORECASE)
_CONDITION = re.compile(rb"\s*RewriteCond\s+(.*)", re.IGNORECASE | re.DOTALL)
_RULE = re.compile(rb"\s*RewriteRule\s+(\S+)\s+(\S+)(?:\s+(\[[^\]]*\]))?", re.IGNORECASE)
_EVERY_PAGE = (b".*", b"(.*)", b"^", b"^.*", b"^.*$", b"^(.*)", b"^(.*)$")
_NO_COOKIE = re.compile(rb"\"?%\{HTTP:?_?COOKIE\}\"?\s+\"?!", re.IGNORECASE)
#: Apache answers 500 when one of these is empty.
_REQUIRES = re.compile(rb"\s*<(/?)Require(?:All|Any|None)\b", re.IGNORECASE)
_SAYS_NOTHING = re.compile(rb"\s*(?:#.*)?", re.DOTALL)
_OTHER_ADDRESSES = re.compile(rb"\"?%\{REMOTE_(?:ADDR|HOST)\}\"?\s+\"?!", re.IGNORECASE)
_NOTICE = re.compile(rb"mainten|soon|construct|closed|wartung|mantenim|manuten|przerwa|503", re.IGNORECASE)
_REFUSES = re.compile(rb"[\[,]\s*(?:F|forbidden|R=[45]\d\d|redirect=[45]\d\d)\s*[,\]]", re.IGNORECASE)


def opened(path: bytes, content: bytes) -> Adapted:
    """Return the `.htaccess` at `path` without rules that are for development or close the site, and the reasons."""
    lines = content.splitlines(keepends=True)
    gone: dict[int, str] = {}
    gone |= _matching(lines, _DEVELOPMENT, DEVELOPMENT)
    if _ASKS_PASSWORD.search(content):
        gone |= _matching(lines, _PASSWORD, PASSWORD)
    if path == HTACCESS:
        gone |= dict.fromkeys(_closing(lines), ADDRESSES)
    gone |= dict.fromkeys(_notices(lines), MAINTENANCE)
    gone |= _emptied(lines, gone)
    kept = b"".join(line for number, line in enumerate(lines) if number not in gone) if gone else content
    return Adapted(kept, sorted(set(gone.values())))


def _matching(lines: Sequence[bytes], pattern: re.Pattern[bytes], reason: str) -> dict[int, str]:
    return {number: reason for number, line in enumerate(lines) if pattern.match(line)}


def _closing(lines: Sequence[bytes]) -> list[int]:
    """Return the lines that allow only some addresses, where they apply to the whole site."""
    depth, found, closes = 0, [], False
    for number, line in enumerate(lines):
        section = _SECTION.match(line)
        if section:
            depth += -1 if section.group(1) else 1
        elif depth == 0 and _ADDRESS.match(line):
            found.append(number)
            closes = closes or bool(_CLOSES.match(line))
    return found if closes else []


def _notices(lines: Sequence[bytes]) -> Iterator[int]:
    """Yield the lines of rules that refuse all but some addresses, or redirect them to a notice."""
    conditions: list[tuple[int, bytes]] = []
    for number, line in enumerate(lines):
        condition, rule = _CONDITION.match(line), _RULE.match(line)
        if condition:
            conditions.append((number, condition.group(1)))
        elif rule:
            if _keeps_out(rule, [test for _, test in conditions]):
                yield from (at for at, _ in conditions)
                yield number
            conditions = []


def _keeps_out(rule: re.Match[bytes], conditions: Sequence[bytes]) -> bool:
    """Return whether a rule keeps most visitors out of the site."""
    pattern, target, flags = rule.groups(b"")
    is_notice = bool(_NOTICE.search(target) or _REFUSES.search(flags))
    if any(_OTHER_ADDRESSES.match(test) for test in conditions):
        return is_notice or (target != b"-" and pattern in _EVERY_PAGE)
    return is_notice and any(_NO_COOKIE.match(test) for test in conditions)


def _emptied(lines: Sequence[bytes], gone: Mapping[int, str]) -> dict[int, str]:
    """Return the first and last lines of sections that require nothing any more, with the reason."""
    found: dict[int, str] = {}
    around: list[tuple[int, list[int]]] = [(-1, [])]
    for number, line in enumerate(lines):
        section = _REQUIRES.match(line)
        if section and not section.group(1):
            around.append((number, []))
        elif section and len(around) > 1:
            first, inside = around.pop()
            reasons = [gone[one] for one in range(first, number) if one in gone]
            if reasons and not inside:
                found |= {first: reasons[0], number: reasons[0]}
            else:
                around[-1][1].append(number)
        elif number not in gone and not _SAYS_NOTHING.fullmatch(line):
            around[-1][1].append(number)
    return found
