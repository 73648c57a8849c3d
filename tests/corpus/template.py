"""What a template says of itself: addresses, paths, people and secrets, read from files and tables as plain text."""

import re
from dataclasses import dataclass, field

PARAMETERS, SETTINGS, WP_CONFIG = "app/config/parameters.php", "config/settings.inc.php", "wp-config.php"
_ARRAY = re.compile(r"""['"](\w+)['"]\s*=>\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_DEFINE = re.compile(r"""define\(\s*['"](\w+)['"]\s*,\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\)""")
_DIRECTORY = re.compile(r'"directory":"([^"]*?)[\\/]+themes[\\/]')
_SECRET = re.compile(
    r"(?i)passw|secret|cookie_(?:key|iv)|rijndael|_salt|(?:auth|logged_in|nonce|secure_auth)_key|api_key"
)
#: Words that stand in any shop's files anyway.
COMMON = {
    "localhost", "127.0.0.1", "root", "admin", "password", "prestashop", "wordpress", "woocommerce", "mysql", "test",
    "database", "secret", "changeme", "123456", "12345678", "student", "passwd", "put your unique phrase here", "",
}  # fmt: skip
#: Of a WordPress's configuration.
ADDRESSES = ("WP_HOME", "WP_SITEURL")
SHORTEST = 6
#: A password of one word stands in texts of that language.
WORD = re.compile(r"[A-Z]?[a-z]{5,9}")
#: Tables of WooCommerce and WPML, and the columns that name files.
WRITTEN_DOWN = {"wc_product_download_directories": "url", "icl_string_positions": "position_in_page"}


@dataclass
class Template:
    """`kind` is "prestashop" or "wordpress"; the rest is name -> text, or lists."""

    kind: str
    prefix: str
    settings: dict = field(default_factory=dict)
    #: host and base path, as `host/path/`.
    addresses: list = field(default_factory=list)
    emails: list = field(default_factory=list)
    secrets: dict = field(default_factory=dict)
    paths: list = field(default_factory=list)
    name: str = ""

    @property
    def hosts(self):
        """The template's hosts, with their ports."""
        return sorted({address.partition("/")[0] for address in self.addresses})


def read(shop, server, database):
    """Return the Template of `shop`, whose dump is loaded as `database`."""
    tables = server.tables(database)
    settings = _settings(shop.tree)
    if any(name.endswith("shop_url") for name in tables):
        made = _prestashop(server, database, tables, settings)
    else:
        made = _wordpress(server, database, tables, settings)
    made.secrets = {
        name: value for name, value in settings.items()
        if _SECRET.search(name) and len(value) >= SHORTEST and value.lower() not in COMMON and not WORD.fullmatch(value)
    }  # fmt: skip
    recorded = _recorded_paths(shop.tree) | _written_paths(server, database, tables)
    made.paths = [str(shop.tree), *sorted(recorded)]
    return made


def _recorded_paths(tree):
    """Return the document roots a theme has written down, in the spelling of the machine it was activated on."""
    found = set()
    for path in tree.glob("config/themes/*/shop*.json"):
        for text in _DIRECTORY.findall(path.read_text("utf-8", "replace")):
            found.add(text.replace("\\\\", "\\").replace("\\/", "/").rstrip("/\\"))
    return {path for path in found if len(path) >= SHORTEST}


def _written_paths(server, database, tables):
    """Return the document roots plug-ins have written down, of downloads they allow and of texts they found."""
    found = set()
    for ending, column in WRITTEN_DOWN.items():
        name = next((one for one in tables if one.endswith(ending)), None)
        query = f"SELECT `{column}` FROM `{name}` WHERE `{column}` LIKE '%/wp-content/%' LIMIT 50"
        for (text,) in _texts(server, query, database) if name else []:
            root = text.removeprefix("file://").partition("/wp-content/")[0]
            found |= {root} if re.match(r"(?:/|[A-Za-z]:)", root) and len(root) >= SHORTEST else set()
    return found


def _settings(tree):
    found = {}
    for name, pattern in ((PARAMETERS, _ARRAY), (SETTINGS, _DEFINE), (WP_CONFIG, _DEFINE)):
        if (tree / name).is_file():
            text = (tree / name).read_text("utf-8", "replace")
            found |= {key: one or other for key, one, other in pattern.findall(text)}
    return found


def _texts(server, statement, database):
    rows = server.rows(statement, database=database)
    return [tuple((value or b"").decode("utf-8", "replace") for value in row) for row in rows]


def _prestashop(server, database, tables, settings):
    prefix = next(name for name in tables if name.endswith("shop_url")).removesuffix("shop_url")
    rows = _texts(server, f"SELECT domain, domain_ssl, physical_uri FROM `{prefix}shop_url`", database)
    addresses = {f"{host}{uri or '/'}" for plain, tls, uri in rows for host in (plain, tls) if host}
    emails = {row[0] for row in _texts(server, f"SELECT email FROM `{prefix}employee`", database)}
    values = dict(_texts(server, f"SELECT name, value FROM `{prefix}configuration`", database))
    addresses |= {
        f"{values[name]}/" for name in ("PS_SHOP_DOMAIN", "PS_SHOP_DOMAIN_SSL") if values.get(name, "") not in COMMON
    }
    emails |= {values.get("PS_SHOP_EMAIL", "")} - {""}
    return Template(
        "prestashop", prefix, settings, sorted(addresses), sorted(emails), name=values.get("PS_SHOP_NAME", "")
    )


def _wordpress(server, database, tables, settings):
    prefix = next((name for name in tables if name.endswith("usermeta")), "wp_usermeta").removesuffix("usermeta")
    listed = "'siteurl', 'home', 'admin_email', 'blogname'"
    query = f"SELECT option_name, option_value FROM `{prefix}options` WHERE option_name IN ({listed})"
    values = dict(_texts(server, query, database))
    # Those of the configuration count; the options may name a former one
    named = [values.get(name) for name in ("siteurl", "home")] + [settings.get(name) for name in ADDRESSES]
    addresses = {re.sub(r"^https?://", "", one).rstrip("/") + "/" for one in named if one}
    emails = {row[0] for row in _texts(server, f"SELECT user_email FROM `{prefix}users`", database)}
    emails |= {values.get("admin_email", "")} - {""}
    return Template("wordpress", prefix, settings, sorted(addresses), sorted(emails), name=values.get("blogname", ""))
