"""Accounts are closed to each other: nothing an account writes below its home makes Apache or PHP work as another."""

import base64
import contextlib
import http.client
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from controller.panels.local import check
from tests.support.servers.local_server import as_user

pytestmark = pytest.mark.root

SECRET = "hidden-password-of-the-victim"
#: Sent in the body, run by the user whom PHP's `auto_prepend_file` obeys.
WHO = b"<?php echo 'ran as ', posix_geteuid(), '!'; echo @file_get_contents($_SERVER['HTTP_X_VICTIM']); exit;"


@pytest.fixture(scope="module")
def victim(server):
    """An account whose shop holds a secret, in a file its PHP may read and everybody else must not."""
    account = server.new_account()
    put(server, account, "parameters.php", f"<?php return ['{SECRET}'];".encode())
    put(server, account, "open/.htaccess", f"SetEnv LEAKED {SECRET}\n".encode())
    put(server, account, "mine.php", b"<?php echo 'ran as ', posix_geteuid(), '!';")
    put(server, account, "wrong.php", b"<?php error_log('something');")
    assert server.get(account.domain, "/wrong.php")[0] == 200
    assert server.get(account.domain, "/mine.php") == (200, f"ran as {uid(account)}!".encode())
    return account


@pytest.fixture
def attacker(server):
    """Another account whose home is as open as it can be made."""
    account = server.new_account()
    put(server, account, "me.php", b"<?php echo 'ran as ', posix_geteuid(), '!', getenv('LEAKED');")
    assert as_user(account.user, "chmod", "-R", "a+rwX", account.home).returncode == 0
    return account


def uid(account):
    return pwd.getpwnam(account.user).pw_uid


def put(server, account, path, content, mode=0o644):
    server.panel().put_file(account, f"public_html/{path}", content, mode)


def links(account, **names):
    for name, target in names.items():
        done = as_user(account.user, "ln", "-sfn", str(target), f"{account.document_root}/{name}")
        assert done.returncode == 0


def socket_of(account):
    """The path of the account's PHP socket, found as any account of the machine finds it."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return next(line.split()[-1] for line in lines if f"shoplaunch-{account.user}-" in line)


def ask(server, account, path, victim, method="POST"):
    """Return (status, headers as text, body); a connection closed without an answer is (0, "", b"")."""
    connection = http.client.HTTPConnection("127.0.0.1", server.stack.http_port, timeout=120)
    try:
        headers = {"Host": account.domain, "X-Victim": f"{victim.document_root}/parameters.php"}
        connection.request(method, path, body=WHO if method == "POST" else None, headers=headers)
        answer = connection.getresponse()
        return answer.status, str(answer.headers), answer.read()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return 0, "", b""
    finally:
        connection.close()


TARGET = 'ProxyFCGISetEnvIf "true" SCRIPT_FILENAME "{victim}/mine.php"\n'
INJECTED = TARGET + 'SetEnv PHP_VALUE "auto_prepend_file=php://input"\nSetEnv PHP_ADMIN_VALUE "allow_url_include=1"\n'
BORROWED = {
    "handler": '<Files "*">\nSetHandler "proxy:unix:{socket}|fcgi://localhost/"\n</Files>\n',
    "type": 'AddHandler "proxy:unix:{socket}|fcgi://localhost/" .run\n',
    "rewritten handler": 'RewriteEngine On\nRewriteRule ^ - "[H=proxy:unix:{socket}|fcgi://localhost/]"\n',
    "rewritten proxy": "RewriteEngine On\nRewriteRule ^ unix:{socket}|fcgi://localhost{victim}/mine.php [P]\n",
    "condition": "<If \"true\">\nSetHandler 'proxy:unix:{socket}|fcgi://localhost/'\n</If>\n",
}


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("way", BORROWED)
@pytest.mark.parametrize("injected", [True, False], ids=["own code", "victim's script"])
def test_php_of_another_account_is_out_of_reach(server, victim, attacker, way, injected):
    text = BORROWED[way] + (INJECTED if injected else TARGET)
    content = text.format(socket=socket_of(victim), victim=victim.document_root)
    put(server, attacker, ".htaccess", content.encode())
    put(server, attacker, "x.run", b"not run")
    status, _, body = ask(server, attacker, "/x.run", victim)
    assert f"ran as {uid(victim)}!".encode() not in body
    assert SECRET.encode() not in body
    # Not the plain file, either: the directives were understood and led to a closed door.
    assert status in (403, 500, 503)


def test_proxying_is_not_for_htaccess_at_all(server, victim, attacker):
    put(server, attacker, ".htaccess", f"ProxyPass / unix:{socket_of(victim)}|fcgi://localhost/\n".encode())
    assert ask(server, attacker, "/me.php", victim)[0] == 500
    put(server, attacker, ".htaccess", f"AssignUserID {victim.user} {victim.user}\n".encode())
    assert ask(server, attacker, "/me.php", victim)[0] == 500


def test_the_injection_works_on_the_account_s_own_php_so_that_the_attack_is_a_real_one(server, victim, attacker):
    put(server, attacker, ".htaccess", INJECTED.format(victim=attacker.document_root).encode())
    put(server, attacker, "mine.php", b"<?php echo 'not reached';")
    _, _, body = ask(server, attacker, "/me.php", victim)
    assert body == f"ran as {uid(attacker)}!".encode()


OPEN = "Options +FollowSymLinks -SymLinksIfOwnerMatch +Indexes\nRewriteEngine Off\nForceType text/plain\n"


@pytest.mark.parametrize("options", ["", OPEN], ids=["as given", "links followed"])
def test_files_of_another_account_are_not_served(server, victim, attacker, options):
    put(server, attacker, ".htaccess", options.encode())
    links(
        attacker,
        **{"file.txt": f"{victim.document_root}/parameters.php", "folder": victim.document_root, "home": victim.home},
        **{"link.php": f"{victim.document_root}/parameters.php"},
    )
    for path in ("/file.txt", "/folder/parameters.php", "/folder/", "/home/public_html/parameters.php", "/link.php"):
        status, headers, body = ask(server, attacker, path, victim, "GET")
        assert SECRET not in headers + body.decode("utf-8", "replace"), path
        assert status in (0, 403, 404), path


# What an expression may read is what the process may read when it is evaluated: `<If>` comes before all else.
READERS = {
    "condition": "<If \"file('{path}') =~ /{word}/\">\nHeader always set X-Seen yes\n</If>\n",
    "header": 'Header always set X-Seen "expr=%{{base64:%{{file:{path}}}}}"\n',
    "error page": 'ErrorDocument 404 "%{{base64:%{{file:{path}}}}}"\n',
    "variable": "SetEnvIfExpr \"file('{path}') =~ /{word}/\" SEEN\nHeader always set X-Seen yes env=SEEN\n",
    "rewriting": "RewriteEngine On\nRewriteCond expr \"file('{path}') =~ /{word}/\"\n"
    "RewriteRule ^ - [E=SEEN:1]\nHeader always set X-Seen yes env=SEEN\n",
}


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("way", READERS)
def test_expressions_read_no_file_the_account_cannot_read(server, victim, attacker, way):
    own = f"{attacker.document_root}/own.txt"
    put(server, attacker, "own.txt", SECRET.encode(), 0o600)
    # The shadow file is nobody's but root's: no moment with more rights may be left to the account.
    targets = {f"{victim.document_root}/parameters.php": SECRET, "/etc/shadow": "root:"}
    for path, word in targets.items():
        put(server, attacker, ".htaccess", READERS[way].format(path=path, word=word).encode())
        for asked in ("/me.php", "/own.txt", "/none.txt"):
            status, headers, body = ask(server, attacker, asked, victim, "GET")
            assert not shows(headers, body, word), (path, asked, status, headers, body)
    # The same words read the account's own file, or this Apache does not take them from a `.htaccess` at all.
    put(server, attacker, ".htaccess", READERS[way].format(path=own, word=SECRET).encode())
    status, headers, body = ask(server, attacker, "/none.txt", victim, "GET")
    log = (Path(server.settings().apache_logs) / f"{attacker.user}.error.log").read_text()
    assert shows(headers, body, SECRET) or (status == 500 and "file not available in restricted context" in log)


def test_no_condition_is_evaluated_with_more_rights_than_the_account_s(server, victim, attacker):
    condition = "<If \"-s '{path}'\">\nHeader always set X-Seen yes\n</If>\n"
    put(server, attacker, "own.txt", b"something", 0o600)
    for path, seen in (
        (f"{attacker.document_root}/own.txt", True),
        (f"{victim.document_root}/parameters.php", False),
        (f"{victim.home}/.php/error.log", False),
    ):
        put(server, attacker, ".htaccess", condition.format(path=path).encode())
        assert Path(path).stat().st_size
        for asked in ("/own.txt", "/me.php", "/none.txt"):
            _, headers, _ = ask(server, attacker, asked, victim, "GET")
            assert ("X-Seen: yes" in headers) is seen, (path, asked)


def shows(headers, body, word):
    """Return whether an answer shows `word`, plain, in base64, or by the agreed header."""
    text = headers + body.decode("utf-8", "replace")
    for piece in text.replace(":", " ").split():
        with contextlib.suppress(ValueError):
            text += base64.b64decode(piece, validate=True).decode("utf-8", "replace")
    return word in text or "X-Seen: yes" in headers


def test_settings_in_another_account_s_htaccess_do_not_come_over(server, victim, attacker):
    script = f"{attacker.document_root}/me.php"
    put(server, attacker, ".htaccess", f'{OPEN}ProxyFCGISetEnvIf "true" SCRIPT_FILENAME {script}\n'.encode())
    links(attacker, folder=f"{victim.document_root}/open")
    put(server, attacker, "under/me.php", b"<?php echo getenv('LEAKED');")
    links(attacker, **{"under/.htaccess": f"{victim.document_root}/open/.htaccess"})
    for path in ("/folder/me.php", "/folder/", "/under/me.php"):
        status, headers, body = ask(server, attacker, path, victim, "GET")
        assert SECRET not in headers + body.decode("utf-8", "replace"), path
        assert status != 200, path


@pytest.mark.sampled(of=2, rests=True)
def test_what_apache_holds_open_is_not_served(server, victim, attacker):
    server.get(victim.domain, f"/mine.php?token={SECRET}")
    put(server, attacker, ".htaccess", OPEN.encode())
    links(attacker, **{f"d{number}.txt": f"/proc/self/fd/{number}" for number in range(40)}, fds="/proc/self/fd")
    for number in range(40):
        _, headers, body = ask(server, attacker, f"/d{number}.txt", victim, "GET")
        assert SECRET not in headers + body.decode("utf-8", "replace"), number
        content = f'ErrorDocument 404 "%{{base64:%{{file:/proc/self/fd/{number}}}}}"\n'
        put(server, attacker, "fd/.htaccess", content.encode())
        _, headers, body = ask(server, attacker, "/fd/none", victim, "GET")
        assert not shows(headers, body, SECRET), number


def test_logs_are_root_s_alone(server, victim):
    server.get(victim.domain, "/mine.php")
    logs = list(Path(server.settings().apache_logs).iterdir())
    assert any(path.name.startswith(victim.user) for path in logs)
    for path in logs:
        status = path.stat()
        assert (status.st_uid, status.st_mode & 0o027) == (0, 0), path


def test_apache_works_as_the_account_for_its_site_and_one_connection_never_serves_two(server, victim, attacker):
    private = b"only mine"
    put(server, victim, "private.txt", private, 0o600)
    assert server.get(victim.domain, "/private.txt") == (200, private)
    connection = http.client.HTTPConnection("127.0.0.1", server.stack.http_port, timeout=120)
    try:
        connection.request("GET", "/me.php", headers={"Host": attacker.domain})
        assert connection.getresponse().read() == f"ran as {uid(attacker)}!".encode()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.request("GET", "/private.txt", headers={"Host": victim.domain})
            connection.getresponse()
    finally:
        connection.close()


def test_the_socket_is_the_account_s_alone_in_a_folder_of_root(server, victim, attacker):
    path = Path(socket_of(victim))
    status, above = path.stat(), path.parent.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (uid(victim), 0o600)
    assert (above.st_uid, above.st_mode & 0o022) == (0, 0)
    for user in (attacker.user, "www-data"):
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        done = as_user(user, "/usr/bin/python3", "-c", script)
        assert b"PermissionError" in done.stderr
    with socket.socket(socket.AF_UNIX) as root:
        root.connect(str(path))


def test_the_web_server_s_user_cannot_read_an_account(server, victim):
    for path in (f"{victim.document_root}/parameters.php", victim.document_root, victim.home):
        assert as_user("www-data", "ls", "-l", path).returncode != 0 or path == victim.home
        assert as_user("www-data", "cat", path).returncode != 0
    assert as_user("www-data", "ls", victim.home).returncode != 0


def test_the_page_that_changes_the_identity_shows_nothing(server, victim):
    for path in ("/.shoplaunch-identity", "/.shoplaunch-identity/", "/.shoplaunch-identity/etc/passwd"):
        assert server.get(victim.domain, path)[0] == 404


def test_an_apache_that_would_serve_all_accounts_as_one_user_is_named(server):
    rows = {row.name: row for row in check.check_server(server.settings())}
    assert rows["apache isolation"].ok
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-isolation-"))
    try:
        text = (server.stack.apache / "apache2.conf").read_text()
        lines = [line for line in text.splitlines() if "mpm_itk" not in line and "Limit" not in line]
        config = folder / "apache2.conf"
        # Without the accounts' sites: they are refused by such an Apache, and nothing is served instead.
        config.write_text("\n".join(line for line in lines if "IncludeOptional" not in line) + "\n")
        binary = server.settings().apache[0]
        rows = {row.name: row for row in check.check_server(server.settings(apache=[binary, "-f", str(config)]))}
        row = rows["apache isolation"]
        assert (row.ok, row.essential) == (False, True)
        assert "libapache2-mpm-itk" in row.advice
        refused = subprocess.run(
            [binary, "-f", str(config), "-t", "-c", f"Include {server.stack.apache}/sites/*.conf"],
            capture_output=True,
            check=False,
        )
        assert refused.returncode != 0
        assert b"AssignUserID" in refused.stderr
    finally:
        shutil.rmtree(folder)


def test_a_folder_of_sockets_in_which_others_may_write_is_named_and_refused(server):
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-sockets-"))
    try:
        www = pwd.getpwnam("www-data")
        os.chown(folder, www.pw_uid, www.pw_gid)
        php = {**server.stack.local_settings()["php"][0], "sockets": str(folder)}
        rows = {row.name: row for row in check.check_server(server.settings(php=[php]))}
        row = rows[f"php {php['version']} sockets"]
        assert (row.ok, row.essential) == (False, True)
        assert row.advice
    finally:
        shutil.rmtree(folder)
