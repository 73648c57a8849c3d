"""A shop that lives already, and the follow-up jobs that come to it later."""

import os

from tests.support.shops.handmade import place

SETTING = "SELECT value FROM ps_configuration WHERE name = %s"
HTACCESS = (
    "# a note of the owner\n"
    "# BEGIN panel\nAddHandler application/x-httpd-php82 .php\n# redirects: off\n# END panel\n"
    "RewriteEngine On\n# redirects: off\nRewriteRule ^old$ new\n"
)
EDITED = HTACCESS.replace("On\n# redirects: off", "On\n# redirects: on\nRewriteCond %{HTTPS} !=on")
ON = {
    "sql": "UPDATE ps_configuration SET value = '1' WHERE name = %s",
    "params": ["PS_SSL_ENABLED"],
    "min_rows": 1,
    "check": {"sql": SETTING, "params": ["PS_SSL_ENABLED"], "expect": ["1"]},
}
COUNTED = {"sql": "UPDATE ps_configuration SET value = value + 1 WHERE name = 'CHANGES'", "params": []}
OFF = {"sql": "UPDATE ps_configuration SET value = '0' WHERE name = %s", "params": ["PS_SSL_ENABLED"], "min_rows": 1}
PASSWORD = {
    "sql": "UPDATE ps_employee SET passwd = %s WHERE id_employee = 1",
    "params": [place("admin.password_hash")],
    "min_rows": 1,
    "check": {
        "sql": "SELECT passwd FROM ps_employee WHERE id_employee = 1",
        "params": [],
        "expect": [place("admin.password_hash")],
    },
}
EDITS = [
    {"path": ".htaccess", "old": "# redirects: off", "new": "# redirects: on\nRewriteCond %{HTTPS} !=on"},
    {"path": f"{place('admin_folder')}/config.php", "old": "'ssl' => false", "new": "'ssl' => true"},
]


def populate(shop):
    """The account `shop` (tests.integration.agent_work.conftest.Shop) holds a small shop; no bundle is there."""
    (shop.folder / "shop.bundle").unlink(missing_ok=True)
    shop.query("CREATE TABLE ps_configuration (name VARCHAR(40) PRIMARY KEY, value TEXT) ENGINE=InnoDB")
    shop.query("INSERT INTO ps_configuration VALUES ('PS_SSL_ENABLED', '0'), ('CHANGES', '0')")
    shop.query("CREATE TABLE ps_employee (id_employee INT PRIMARY KEY, passwd VARCHAR(255)) ENGINE=InnoDB")
    shop.query("INSERT INTO ps_employee VALUES (1, '$2b$10$before')")
    (shop.root / ".htaccess").write_text(HTACCESS)
    (shop.root / "backoffice77").mkdir()
    (shop.root / "backoffice77" / "config.php").write_text("<?php return ['ssl' => false];\n")
    (shop.root / "index.php").write_text("<?php echo 'shop';\n")
    shop.own()
    os.chmod(shop.root / "backoffice77" / "config.php", 0o640)


def small_job(kind="https_on", **changes):
    """Return the changes that make a job of the box one of `kind`."""
    statements = {"https_on": [ON, COUNTED], "set_admin_password": [PASSWORD], "remove": [OFF]}[kind]
    return {
        "kind": kind,
        "statements": statements,
        "edits": EDITS if kind == "https_on" else [],
        "back": [OFF] if kind == "https_on" else [],
        "values": {"admin.password_hash": "$2b$10$behind", **changes.pop("values", {})},
        **changes,
    }


def settings(shop):
    """Return the shop's settings."""
    return dict(shop.query("SELECT name, value FROM ps_configuration"))


def password(shop):
    """Return the administrator's hash."""
    return shop.query("SELECT passwd FROM ps_employee")[0][0]


def is_on(shop):
    """Tell what of https is switched on: (setting, .htaccess, back office)."""
    text = (shop.root / ".htaccess").read_text()
    assert text in (HTACCESS, EDITED)
    config = (shop.root / "backoffice77" / "config.php").read_text()
    return settings(shop)["PS_SSL_ENABLED"] == "1", text == EDITED, "true" in config
