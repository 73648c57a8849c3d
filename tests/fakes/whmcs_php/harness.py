"""Runs the addon in PHP as WHMCS does: each hook, page and cron run is a process of its own on one database."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import requests

from controller.panels.local.private_stack.stack import free_port

HERE = Path(__file__).resolve().parent
ADDON = HERE.parents[2] / "packaging" / "whmcs" / "modules" / "addons" / "shoplaunch"
WAIT_SECONDS = 120
#: What WHMCS does after a create, in one of the orders its documentation leaves open.
ORDERS = (("active", "mail", "hook"), ("hook", "mail", "active"), ("mail", "active", "hook"))


class PhpFailed(AssertionError):
    """PHP ended with an error that WHMCS would have shown."""


@dataclass
class Page:
    """An answer of WHMCS: `redirect` is the Location, None when there is none."""

    status: int
    text: str
    redirect: str | None
    headers: dict


class Whmcs:
    """One WHMCS with the addon's files, on a new database of `server` (a MariaDB of tests/support)."""

    def __init__(self, server, php="php"):
        self.server, self.php = server, php
        self.folder = Path(tempfile.mkdtemp(prefix="shoplaunch-whmcs-"))
        self.database, self.user, self.password = server.new_database()
        server.query(f"ALTER DATABASE `{self.database}` CHARACTER SET utf8mb3")
        with contextlib.closing(server.root_connection(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute("SET sql_mode = ''")
            for statement in (HERE / "tables.sql").read_text().split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        self._web = None
        #: What makes and removes accounts (`create(service)`, `terminate(service)`) as the server module does.
        self.module = None

    def close(self):
        """End the web server and remove the database."""
        if self._web is not None:
            self._web.kill()
            self._web.wait(WAIT_SECONDS)
        self.server.query(f"DROP DATABASE `{self.database}`")
        self.server.query(f"DROP USER `{self.user}`@localhost")
        shutil.rmtree(self.folder)

    # -- the installation -----------------------------------------------------------------------------------------

    def activate(self, **settings):
        """Activate the addon and save its settings, as the administrator's page does; return WHMCS's answer."""
        answer = self.do("activate")
        if answer["status"] == "success" and not self.rows("tbladdonmodules", setting="version"):
            self.setting("version", self.do("config")["version"])
        for name, value in settings.items():
            self.setting(name, value)
        return answer

    def deactivate(self):
        """Deactivate the addon: its settings are forgotten."""
        answer = self.do("deactivate")
        self.query("DELETE FROM tbladdonmodules WHERE module = 'shoplaunch'")
        return answer

    def setting(self, name, value):
        """Save one setting of the addon."""
        self.query("DELETE FROM tbladdonmodules WHERE module = 'shoplaunch' AND setting = %s", name)
        self.query("INSERT INTO tbladdonmodules (module, setting, value) VALUES ('shoplaunch', %s, %s)", name, value)

    def query(self, sql, *values):
        """Run one statement on WHMCS's database; return rows as dicts."""
        import pymysql.cursors

        with contextlib.closing(self.server.root_connection(self.database)) as connection:
            connection.cursorclass = pymysql.cursors.DictCursor
            with connection.cursor() as cursor:
                cursor.execute("SET sql_mode = ''")
                cursor.execute(sql, values or None)
                return list(cursor.fetchall())

    def insert(self, table, **row):
        """Insert a row; return its id."""
        names, marks = ", ".join(f"`{name}`" for name in row), ", ".join(["%s"] * len(row))
        with (
            contextlib.closing(self.server.root_connection(self.database)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET sql_mode = ''")
            cursor.execute(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", list(row.values()))
            return cursor.lastrowid

    def rows(self, table, **match):
        """Return the rows of a table in which these columns have these values."""
        where = " AND ".join(f"`{name}` = %s" for name in match) or "1"
        return self.query(f"SELECT * FROM `{table}` WHERE {where} ORDER BY 1", *match.values())

    # -- customers ------------------------------------------------------------------------------------------------

    def client(self, **more):
        """Return the id of a new client."""
        given = {"firstname": "Sara", "lastname": "Moradi", "email": "sara@client.example", "country": "IR"}
        return self.insert("tblclients", **{**given, **more})

    def order(self, product=3, client=None, **service):
        """Return (order id, service id) of a new pending order with one service."""
        client = self.client() if client is None else client
        order = self.insert("tblorders", userid=client)
        return order, self.service(order, client, product, **service)

    def service(self, order, client, product=3, **more):
        """Return the id of a new pending service of that order."""
        name = uuid.uuid4().hex[:10]
        given = {"domain": f"shop-{name}.example", "username": f"a{name[:7]}", "server": 1}
        return self.insert("tblhosting", userid=client, orderid=order, packageid=product, **{**given, **more})

    # -- what happens ---------------------------------------------------------------------------------------------

    def do(self, what, session=None, area="admin", count="", **more):
        """Do one thing in a PHP process of its own and return its result. Raises PhpFailed."""
        answer = self.folder / uuid.uuid4().hex
        asked = {"do": what, "session": session or {"adminid": 1}, "area": area, "count": count, **more}
        done = subprocess.run(
            [self.php, "-d", "opcache.enable_cli=0", str(HERE / "php" / "entry.php")],
            input=json.dumps(asked).encode(), env={**self.environment(), "WHMCS_DOUBLE_ANSWER": str(answer)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode or not answer.exists() or done.stdout:
            raise PhpFailed(done.stdout.decode("utf-8", "replace"))
        return json.loads(answer.read_text())["result"]

    def fire(self, hook, *arguments, **options):
        """Call the callbacks of a hook point; return what they returned."""
        return self.do("fire", hook=hook, arguments=list(arguments), **options)

    def params(self, service, **changes):
        """Return the parameters WHMCS gives to a module for this service."""
        return self.do("params", service=service, params=changes)

    def create(self, service, order=ORDERS[0], failure="", **changes):
        """Run the module's create with all its hooks; `failure` is the server's message when it fails."""
        if self.module is not None and not failure:
            self.module.create(service)
        [result] = self.together(self.asked_create(service, order, failure, **changes))
        return result

    def accept(self, order):
        """Accept an order; return `success` or WHMCS's error."""
        [result] = self.together(self.asked_accept(order))
        return result

    def asked_create(self, service, order=ORDERS[0], failure="", **changes):
        """Return the module's create as an act for `together`."""
        return {"do": "create", "service": service, "params": changes, "order": list(order), "failure": failure}

    def asked_accept(self, order):
        """Return the acceptance of an order as an act for `together`."""
        return {"do": "accept", "order": order}

    def together(self, *acts):
        """Do several things in one request, as an acceptance that creates the account; return their results."""
        return self.do("together", acts=acts)

    def terminate(self, service, **changes):
        """Run the module's terminate."""
        if self.module is not None:
            self.module.terminate(service)
        return self.do("terminate", service=service, params=changes)

    def send_mail(self, name, relid):
        """Send a templated mail; tell whether no hook stopped it."""
        return self.do("mail", name=name, relid=relid)

    def render(self, text, **variables):
        """Return the text of a mail template with its fields filled in."""
        return self.do("render", text=text, variables=variables)

    def cron(self):
        """Run WHMCS's cron to its end."""
        self.fire("AfterCronJob")

    def due_now(self):
        """Whatever waits for a later try is due, a second later: a signature names the second it was made in."""
        time.sleep(1.1)
        self.query("UPDATE mod_shoplaunch_queue SET due_at = 0")
        self.query("UPDATE mod_shoplaunch_services SET checked_at = 0")

    # -- pages ----------------------------------------------------------------------------------------------------

    def page(self, path, post=None, client=None, admin=None, language="english", headers=None, **query):
        """Return the Page that somebody gets; both `client` and `admin`: an administrator who looks as the client."""
        session = {"Language": language}
        session |= {"uid": client} if client is not None else {}
        session |= {"adminid": admin} if admin is not None else {}
        url = self.url + path + ("?" + urlencode(query) if query else "")
        cookies = {"double": base64.b64encode(json.dumps(session).encode()).decode()}
        answer = requests.request(
            "GET" if post is None else "POST", url, data=post, cookies=cookies, headers=headers,
            allow_redirects=False, timeout=WAIT_SECONDS,
        )  # fmt: skip
        answer.encoding = "utf-8"
        return Page(answer.status_code, answer.text, answer.headers.get("Location"), dict(answer.headers))

    @property
    def url(self):
        """The address at which WHMCS's pages are served, also for a browser (`/login-as?session=…&next=…`)."""
        if self._web is None:
            self._port = free_port()
            log = (self.folder / "web.log").open("wb")
            with log:
                self._web = subprocess.Popen(
                    [self.php, "-S", f"127.0.0.1:{self._port}", str(HERE / "php" / "router.php")],
                    env=self.environment(), stdout=log, stderr=log, cwd=self.folder,
                )  # fmt: skip
            self._wait()
        return f"http://127.0.0.1:{self._port}"

    def login_url(self, next_page, **session):
        """Return the address that makes a browser this session's and leads to `next_page`."""
        return f"{self.url}/login-as?" + urlencode({"session": json.dumps(session), "next": next_page})

    def environment(self):
        """Return the environment in which PHP finds this installation."""
        dsn = f"mysql:unix_socket={self.server.socket};dbname={self.database};charset=utf8mb4"
        settings = {"dsn": dsn, "user": self.user, "password": self.password, "addon": str(ADDON)}
        return {**os.environ, "WHMCS_DOUBLE": json.dumps(settings)}

    def _wait(self):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 5).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._web.poll() is not None:
                    raise AssertionError((self.folder / "web.log").read_text()) from None
                time.sleep(0.05)

    # -- what was done --------------------------------------------------------------------------------------------

    def log(self):
        """Return the messages of the activity log."""
        return [row["message"] for row in self.rows("double_log")]

    def mails(self):
        """Return (template, related id) of every mail that went out."""
        return [(row["name"], row["relid"]) for row in self.rows("double_mails")]

    def queue(self):
        """Return the addon's events."""
        return self.rows("mod_shoplaunch_queue")

    def shop(self, service):
        """Return the addon's row of a service, None when there is none."""
        found = self.rows("mod_shoplaunch_services", service_id=service)
        return found[0] if found else None
