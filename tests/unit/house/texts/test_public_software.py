"""What packs and restores names public software only: nothing in it fits one template and no other."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
#: Host -> whose it is, and why the code names it.
HOSTS = {
    "www.prestashop.com": "PrestaShop's own, in the head of each .htaccess that it writes",
    "www.prestashop-project.org": "the same, since its project has another site",
    "make.wordpress.org": "WordPress's handbook, where its table of PHP versions stands",
    "psgdpr.com": "PrestaShop's module psgdpr gives its anonymous customer such an address",
    "hooks.slack.com": "every webhook of Slack begins so",
    "dev.mysql.com": "MySQL's description of its protocol",
    "mail.example.com": "WordPress gives each new site this mailbox",
    "example.com": "the same; reserved for examples",
    "second-shop.probe.example.org": "the proof's own shop; reserved for examples",
}
#: Tables and columns that look like hosts.
COLUMNS = ("next.id", "p.id", "u.id")
#: Digest -> the public file it is of.
DIGESTS = {
    "47b33b1af916e250b890be633218e808ba75c2f6f60acc6b8f085e9dbbcf4d68": "the key of TCPDF's own test certificate",
}
_ENDS = (
    "com|net|org|info|biz|shop|store|site|online|tech|dev|app|cloud|xyz|eu|ae|al|am|ar|at|au|ba|be|bg|br|by|ca|ch|cl"
    "|cn|co|cz|de|dk|dz|ec|ee|eg|es|fi|fr|ge|gr|hk|hr|hu|id|ie|il|in|io|ir|is|it|jo|jp|ke|kh|kr|kw|kz|lb|lt|lu|lv|ma"
    "|me|mk|mx|my|ng|nl|no|nz|om|pe|ph|pk|pl|pt|qa|ro|rs|ru|sa|se|sg|si|sk|su|th|tn|tr|tv|tw|ua|uk|us|uy|uz|vn|za"
)
#: A dot may be escaped for a regular expression; a name that goes on is code's.
_HOST = re.compile(rf"(?<![\w-])((?:[a-z0-9][a-z0-9-]*\\*\.)+(?:{_ENDS}))(?![\w-]|\\*\.[\w(\[])", re.IGNORECASE)
_DIGEST = re.compile(r"(?<![0-9a-z])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-z])", re.IGNORECASE)
SOURCES = sorted(
    path.relative_to(PROJECT).as_posix()
    for folder in ("agent", "controller/bundles", "controller/recipes")
    for path in (PROJECT / folder).rglob("*.py")
)


def texts(source):
    """Return the literals, docstrings among them, and the comments of a module."""
    values = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    written = [one.decode("latin-1") for one in values if isinstance(one, bytes)]
    read = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [one.string for one in read if one.type == tokenize.COMMENT]
    return written + comments + [one for one in values if isinstance(one, str)]


def hosts(source):
    """Return the hosts that a module names, in lower case."""
    named = (found.replace("\\", "").lower() for text in texts(source) for found in _HOST.findall(text))
    return {host for host in named if host not in COLUMNS}


def digests(source):
    """Return the digests that a module names, in lower case."""
    return {found.lower() for text in texts(source) for found in _DIGEST.findall(text)}


def test_hosts_and_digests_are_those_of_public_software():
    sources = {path: (PROJECT / path).read_text("utf-8") for path in SOURCES}
    named = {path: hosts(source) | digests(source) for path, source in sources.items()}
    public = HOSTS.keys() | DIGESTS.keys()
    strange = {path: found - public for path, found in named.items() if found - public}
    assert not strange, "name only what anybody has, and say whose it is in HOSTS or DIGESTS"
    assert set().union(*named.values()) == public, "nothing names these any more: take them out"


@pytest.mark.parametrize(
    "line",
    [
        'FIXED = "www.tea-house.pl"',
        "# As tea-house.com.ua has it",
        'FOUND = re.compile(rb"@tea-house\\.shop$")',
        'ADDRESS = f"https://{name}.tea-house.store/"',
        f'KNOWN = b"{"0f" * 32}"',
        f'KNOWN = "{"0F" * 16}"',
    ],
)
def test_what_fits_one_template_is_found(line):
    assert (hosts(line) | digests(line)) - HOSTS.keys() - DIGESTS.keys()


@pytest.mark.parametrize("line", ["shop.id = order.shop", 'names = "a.php and b.js"', 'text = f"{shop.me}"'])
def test_code_and_files_are_no_hosts(line):
    assert not hosts(line) and not digests(line)
