"""The WordPress that Debian packages, made into a template site as an administrator who wants to pack one would."""

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

from controller.panels.local.private_stack.stack import free_port

SOURCE = Path("/usr/share/wordpress")
CONTENT = Path(__file__).resolve().parent / "wordpress_content.php"
HINT = "no WordPress at /usr/share/wordpress (Debian's package wordpress)"
DOMAIN = "template-blog.example"
ADMIN_EMAIL = "karim@template-owner.example"
#: The languages that come with the template; all of them would only take time.
LANGUAGES = ("fa_IR", "de_DE")
SALTS = ("AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT",
         "LOGGED_IN_SALT", "NONCE_SALT")  # fmt: skip
#: What the site's content holds that belongs to the template alone.
CONTENT_SECRETS = {
    "gateway": "sk_live_51TemplateGatewayKey", "consumer": "ck_template0consumer0key",
    "editor": "editor@template-owner.example", "visitor": "visitor@somewhere.example",
    "buyer": "buyer@somewhere.example", "licence": "LIC-7781-TEMPLATE-KEY",
    "shipment": "sent-to-lane-4471", "parcel": "TRACK00340434161094", "waiting": "waiting@somewhere.example",
    "waited_for": "waits-for-a-kettle-in-1183", "identity": "5f0c3b1e-7f51-4f7e-9a52-3d1f6c2b9a77",
    "room": "room-of-the-garden", "typed": "karim-types-at-cursor-88",
}  # fmt: skip


class Site:
    """A template at `root` whose tables are in `database` of the server at `socket`; `known` may occur nowhere else."""

    def __init__(self, root, database, user, password, server_socket):
        self.root = Path(root)
        self.database, self.user, self.password = database, user, password
        self.socket = server_socket
        self.admin_password = secrets.token_urlsafe(12)
        self.salts = {name: secrets.token_urlsafe(48) for name in SALTS}
        self.facts = {}

    def install(self):
        """The tree stands there, WordPress's own installer has run over HTTP, and there is something to see."""
        if not SOURCE.is_dir():
            pytest.skip(HINT)
        self._copy()
        self._configure()
        self._install_over_http()
        self.facts = json.loads(self.php(f"require {str(CONTENT)!r};"))
        return self

    @property
    def known(self):
        """Name -> text of what nothing restored from this template may hold."""
        own = {"domain": DOMAIN, "root": str(self.root), "admin_email": ADMIN_EMAIL, "database": self.database}
        own |= {"database_password": self.password, "admin_hash": self.facts["admin_hash"]}
        return {**own, **self.salts, **CONTENT_SECRETS}

    def _copy(self):
        def left_out(folder, names):
            if Path(folder).name == "languages":
                return [name for name in names if not re.search("|".join(LANGUAGES), name)]
            return [name for name in names if name in ("wp-config.php", ".htaccess")]

        # Debian's links lead out of the tree: what they name is copied
        shutil.copytree(SOURCE, self.root, ignore=left_out)
        (self.root / "wp-content" / "uploads").mkdir()

    def _configure(self):
        text = (self.root / "wp-config-sample.php").read_text("utf-8")
        given = {"database_name_here": self.database, "username_here": self.user, "password_here": self.password}
        for old, new in given.items():
            escaped = new.replace("\\", "\\\\").replace("'", "\\'")
            text = text.replace(f"'{old}'", f"'{escaped}'")
        for name, value in self.salts.items():
            text = re.sub(rf"(define\( '{name}',\s*)'[^']*'", rf"\1'{value}'", text)
        extra = (
            "define( 'ACME_LICENSE_KEY', '" + CONTENT_SECRETS["licence"] + "' );\n// define( 'DB_NAME', 'old_one' );\n"
        )
        mark = "/* That's all, stop editing!"
        assert mark in text
        (self.root / "wp-config.php").write_text(text.replace(mark, extra + mark), "utf-8")

    def _install_over_http(self):
        port = free_port()
        command = ["php", "-d", f"mysqli.default_socket={self.socket}", "-S", f"127.0.0.1:{port}", "-t", str(self.root)]
        null = subprocess.DEVNULL
        server = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
        try:
            self._post_installation(f"http://127.0.0.1:{port}/wp-admin/install.php")
        finally:
            server.terminate()
            server.wait(60)

    def _post_installation(self, url):
        form = {"weblog_title": "Template & Co", "user_name": "karim", "admin_password": self.admin_password,
                "admin_password2": self.admin_password, "pw_weak": "1", "admin_email": ADMIN_EMAIL, "blog_public": "0",
                "language": ""}  # fmt: skip
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = requests.post(url + "?step=2", data=form, headers={"Host": DOMAIN}, timeout=120)
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, "PHP's own server never answered"
                time.sleep(0.05)
        assert answer.status_code == 200 and "wp-login.php" in answer.text, answer.text[-2000:]

    def php(self, code, root=None, prefix=()):
        """Run `code` within the WordPress at `root` (the template itself); return what it prints."""
        return run_php(self.socket, root or self.root, code, prefix)


def run_php(server_socket, root, code, prefix=()):
    """Run `code` within the WordPress at `root`, after its wp-load.php; return what it prints."""
    start = f"$_SERVER['HTTP_HOST'] = {DOMAIN!r}; $_SERVER['REQUEST_URI'] = '/'; require '{root}/wp-load.php'; "
    command = ["php", "-d", f"mysqli.default_socket={server_socket}", "-d", "display_errors=stderr", "-r", start + code]
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, env={**os.environ}, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
