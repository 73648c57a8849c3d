"""The account's site: Apache honours .htaccess, PHP runs as the account, neighbours stay out, bad files go back."""

import os
import pwd
import re
import time
from pathlib import Path

import pytest

from controller import files
from controller.panels.local import commands
from controller.panels.local.blocks import FILE_NAME
from controller.panels.local.config_files import NOTE_SUFFIX
from shared.errors import ShoplaunchError
from tests.support.servers.local_server import as_user, reload, snapshot
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def account(server):
    return server.new_account()


def put(server, account, path, content, mode=0o644):
    server.panel().put_file(account, f"public_html/{path}", content, mode)


def test_php_runs_as_the_account_with_its_own_folders(server, account):
    put(
        server,
        account,
        "who.php",
        b"""<?php session_start(); file_put_contents('written', 'x');
        $f = tempnam(sys_get_temp_dir(), 'x');
        echo json_encode([posix_geteuid(), posix_getegid(), posix_getgroups(), ini_get('display_errors'),
                          session_save_path(), dirname($f), ini_get('memory_limit'), getenv('HOME')]);""",
    )
    status, body = server.get(account.domain, "/who.php")
    import json

    uid, gid, groups, display, sessions, temporary, memory, home = json.loads(body)
    entry = pwd.getpwnam(account.user)
    assert (status, uid, gid, groups) == (200, entry.pw_uid, entry.pw_gid, [entry.pw_gid])
    assert display in ("", "0", "off")
    assert sessions == f"{account.home}/.php/sessions"
    assert temporary == f"{account.home}/.php/tmp"
    assert memory == "512M"
    assert home == account.home
    assert (Path(account.home) / "public_html/written").stat().st_uid == entry.pw_uid
    assert len(list((Path(account.home) / ".php/sessions").iterdir())) == 1


def test_php_reaches_the_account_s_database_as_localhost(server, account):
    panel = server.panel()
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, "geheim")
    panel.ensure_privileges(account, database, user)
    put(
        server,
        account,
        "db.php",
        f"""<?php
        (new mysqli('localhost', '{user}', 'geheim', '{database}'))->query('CREATE TABLE m (a INT)');
        $p = new PDO('mysql:host=localhost;dbname={database}', '{user}', 'geheim');
        echo implode(',', $p->query('SHOW TABLES')->fetchAll(PDO::FETCH_COLUMN));""".encode(),
    )
    assert server.get(account.domain, "/db.php") == (200, b"m")


def test_errors_are_logged_in_the_account_and_never_shown(server, account):
    put(server, account, "bad.php", b"<?php ini_set('display_errors', '1'); strange_function();")
    status, body = server.get(account.domain, "/bad.php")
    assert status == 500
    assert b"strange_function" not in body
    log = Path(account.home) / ".php/error.log"
    assert "strange_function" in log.read_text()
    assert log.stat().st_uid == pwd.getpwnam(account.user).pw_uid


def test_htaccess_is_honoured_and_itself_not_served(server, account):
    put(
        server,
        account,
        "front.php",
        b"<?php echo 'front ', $_GET['p'] ?? '-', ' ', $_SERVER['HTTP_AUTHORIZATION'] ?? '';",
    )
    put(server, account, "htaccess-test/.htaccess", b"""
        Options -MultiViews
        RewriteEngine on
        RewriteRule ^(\\d+)-.*\\.html$ /front.php?p=$1 [L]
        <IfModule mod_headers.c>
        Header set X-Shop yes
        </IfModule>
        <IfModule mod_expires.c>
        ExpiresActive On
        </IfModule>
        ErrorDocument 404 "not here"
    """)  # fmt: skip
    assert server.get(account.domain, "/htaccess-test/7-shoes.html") == (200, b"front 7 ")
    assert server.get(account.domain, "/htaccess-test/none") == (404, b"not here")
    assert server.get(account.domain, "/htaccess-test/.htaccess")[0] == 403


def test_the_www_name_works_and_an_unknown_host_gets_no_shop(server, account):
    put(server, account, "static.txt", b"mine")
    assert server.get(f"www.{account.domain}", "/static.txt") == (200, b"mine")
    assert server.get("unknown.test", "/static.txt")[0] == 404


def test_php_source_is_never_shown(server, account):
    for name in ("a.phtml", "a.phar", "a.php5", "a.phps"):
        put(server, account, name, b"<?php secret();")
        status, body = server.get(account.domain, f"/{name}")
        assert status == 403
        assert b"secret" not in body
    assert server.get(account.domain, "/missing.php")[0] == 404
    put(server, account, "picture.jpg", b"<?php echo 1+1;")
    assert server.get(account.domain, "/picture.jpg/x.php")[0] == 404


def test_a_link_to_another_owner_s_file_is_not_served(server, account):
    link = Path(account.home) / "public_html" / "passwd.txt"
    assert as_user(account.user, "ln", "-s", "/etc/passwd", str(link)).returncode == 0
    assert server.get(account.domain, "/passwd.txt")[0] == 403


def test_another_account_s_php_cannot_read_the_files(server, account):
    other = server.new_account()
    put(server, account, "config.php", b"<?php $password = 'hidden'; echo 'run as ', posix_geteuid();")
    assert server.get(account.domain, "/config.php")[0] == 200
    put(server, other, "spy.php", f"<?php echo @file_get_contents('{account.document_root}/config.php'), '|';"
        f" @include '{account.document_root}/config.php'; echo $password ?? 'nothing';".encode())  # fmt: skip
    assert server.get(other.domain, "/spy.php") == (200, b"|nothing")
    assert as_user(other.user, "cat", f"{account.document_root}/config.php").returncode != 0


def test_a_pool_that_php_refuses_is_put_back_and_everybody_goes_on(server, account):
    php = server.settings().php[0]
    before = snapshot(php.pools)
    content = {path.name: path.read_bytes() for path in Path(php.pools).iterdir()}
    with pytest.raises(ShoplaunchError) as failure:
        server.panel(php_memory_limit="1M\nno_such_setting_anywhere = 1").ensure_php(account, "7.2", None, [])
    assert failure.value.code == "panel_refused"
    assert "PHP" in str(failure.value)
    assert {path.name: path.read_bytes() for path in Path(php.pools).iterdir()} == content
    assert set(snapshot(php.pools)) == set(before)
    reload(php.reload)
    put(server, account, "alive.php", b"<?php echo 'alive';")
    assert server.get(account.domain, "/alive.php") == (200, b"alive")


def test_a_change_while_another_file_is_broken_is_put_back(server, account):
    php = server.settings().php[0]
    for folder, content, change in (
        (Path(php.pools), "[broken]\nuser = \n", {"php_memory_limit": "444M"}),
        (Path(server.settings().apache_sites), "<VirtualHost\n", {"apache_logs": str(server.directory)}),
    ):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        broken = folder / "zz-broken.conf"
        broken.write_text(content)
        try:
            with pytest.raises(ShoplaunchError) as failure:
                server.panel(**change).ensure_php(account, "7.2", None, [])
            assert failure.value.code == "panel_refused"
        finally:
            broken.unlink()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    put(server, account, "alive.php", b"<?php echo 'alive', ini_get('memory_limit');")
    server.panel().ensure_php(account, "7.2", None, [])
    assert server.get(account.domain, "/alive.php") == (200, b"alive512M")


def test_a_bad_file_never_lies_in_the_folder_of_a_service_that_is_still_reloading(server, account, monkeypatch):
    php = server.settings().php[0]
    seen = []
    real = commands.attempt

    def watch(command, **more):
        seen.append([path.read_text() for path in Path(php.pools).iterdir()])
        return real(command, **more)

    monkeypatch.setattr(commands, "attempt", watch)
    with pytest.raises(ShoplaunchError):
        server.panel(php_memory_limit="1M\nno_such_setting_anywhere = 1").ensure_php(account, "7.2", None, [])
    assert seen
    assert not any("no_such_setting_anywhere" in text for texts in seen for text in texts)


def test_a_site_that_apache_refuses_is_put_back_and_a_new_one_is_not_left(server, account):
    sites = Path(server.settings().apache_sites)
    content = {path.name: path.read_bytes() for path in sites.iterdir()}
    logs = server.directory / "two words> <Broken"
    logs.mkdir()
    broken = server.panel(apache_logs=str(logs))
    newcomer = server.new_user()
    for call in (
        lambda: broken.ensure_php(account, "7.2", None, []),
        lambda: broken.ensure_account(newcomer, f"{newcomer}.test", create=True, email=""),
    ):
        with pytest.raises(ShoplaunchError) as failure:
            call()
        assert failure.value.code == "panel_refused"
    assert {path.name: path.read_bytes() for path in sites.iterdir()} == content
    put(server, account, "static.txt", b"mine")
    assert server.get(account.domain, "/static.txt") == (200, b"mine")
    # The failed step is repaired by the same call with right settings.
    again = server.panel().ensure_account(newcomer, f"{newcomer}.test", create=True, email="")
    assert server.get(again.domain)[0] in (403, 404)


@pytest.mark.parametrize("moment", ["noted", "written", "tested", "reloaded"])
def test_a_change_interrupted_anywhere_is_finished_by_the_next_call(server, monkeypatch, moment):
    class Interrupted(BaseException):
        pass

    account = server.new_account()
    put(server, account, "limit.php", b"<?php echo ini_get('memory_limit');")
    changed = server.panel(php_memory_limit="333M")
    calls = {
        "noted": (files, "write_durably", 3),
        "written": (commands, "attempt", 2),
        "tested": (commands, "run", 1),
        "reloaded": (commands, "remove_durably", 1),
    }
    module, name, which = calls[moment]
    real, count = getattr(module, name), iter(range(1, 100))

    def interrupt(*args, **kwargs):
        if (name == "run" and "--signal" not in args[0]) or next(count) < which:
            return real(*args, **kwargs)
        raise Interrupted

    php = server.settings().php[0]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, interrupt)
        with pytest.raises(Interrupted):
            changed.ensure_php(account, "7.2", None, [])
    note = Path(php.pools) / f"{FILE_NAME}{NOTE_SUFFIX}"
    assert note.exists()
    changed.ensure_php(account, "7.2", None, [])
    assert not note.exists()
    # The reload is asynchronous and a worker of the old pool may answer once more.
    wait_until(lambda: server.get(account.domain, "/limit.php") == (200, b"333M"), "the old pool answers for ever")


def test_no_file_that_a_reloading_service_may_have_listed_ever_goes(server):
    account = server.new_account()
    folders = [server.settings().apache_sites, *(php.pools for php in server.settings().php)]
    before = [sorted(os.listdir(folder)) for folder in folders]
    assert all(FILE_NAME in names for names in before)
    server.panel().remove_account(account)
    assert [sorted(os.listdir(folder)) for folder in folders] == before


def test_many_reloads_in_a_row_do_not_hurt_php(server, account):
    php = server.settings().php[0]
    for _ in range(25):
        reload(php.reload)
    put(server, account, "alive.php", b"<?php echo 'alive';")
    deadline = time.monotonic() + 120
    while not server.stack.status()[f"php{php.version}"]:
        assert time.monotonic() < deadline, "PHP is gone"
    assert server.get(account.domain, "/alive.php") == (200, b"alive")


def test_no_fitting_php_is_said_with_the_reason(server, account):
    panel = server.panel()
    newest = server.settings().php[0].version
    for asked, reason in (
        (("99.0", None, []), f"{newest} is older than 99.0"),
        (("5.6", "7.0", []), f"{newest} is newer than 7.0"),
        (("7.2", None, ["curl", "no_such_extension"]), f"{newest} lacks no_such_extension"),
    ):
        with pytest.raises(ShoplaunchError) as failure:
            panel.ensure_php(account, *asked)
        assert failure.value.code == "panel_refused"
        assert reason in str(failure.value)
    assert panel.ensure_php(account, "7.2.5", newest, ["CURL", "opcache"]) == newest


def test_a_foreign_site_of_the_server_keeps_its_name(server):
    site = Path(server.settings().apache_sites) / "foreign.conf"
    site.write_text(
        f"<VirtualHost *:{server.stack.http_port}>\nServerName theirs.test\nServerAlias also.test\n</VirtualHost>\n"
    )
    try:
        commands.run(server.settings().apache_reload)
        for domain in ("theirs.test", "also.test"):
            user = server.new_user()
            with pytest.raises(ShoplaunchError) as failure:
                server.panel().ensure_account(user, domain, create=True, email="")
            assert failure.value.code == "name_taken"
    finally:
        site.unlink()
        commands.run(server.settings().apache_reload)


def test_configuration_files_hold_no_surprise_from_the_account(server, account):
    text = (Path(server.settings().apache_sites) / FILE_NAME).read_text()
    assert re.search(r"Options SymLinksIfOwnerMatch$", text, re.MULTILINE)
    assert "AllowOverride All" in text
