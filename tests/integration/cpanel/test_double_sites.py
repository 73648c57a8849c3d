"""The WHM double keeps real crontabs and serves real sites: cron lines, PHP versions, AutoSSL."""

import hashlib
import http.client
import json
import socket
import ssl

import pytest

from tests.fakes.whm import Quirks
from tests.integration.cpanel.whm_client import JOB, Client, crontab
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


def test_cron_lines_are_real_and_known_by_their_key(client, user):
    added = client.api2(user, "Cron", "add_line", **JOB)["cpanelresult"]
    key = hashlib.md5(b"* * * * * true # shoplaunch:1").hexdigest()
    assert added["data"] == [{"linekey": key, "statusmsg": "crontab installed", "status": 1}]
    assert crontab(user) == 'MAILTO=""\n* * * * * true # shoplaunch:1\n'
    again = client.api2(user, "Cron", "add_line", **JOB)["cpanelresult"]
    assert again["event"] == {"result": 1}
    assert again["data"] == [{"statusmsg": "This cron job already exists.", "status": 0, "linekey": key}]
    client.api2(user, "Cron", "add_line", **{**JOB, "minute": "5", "command": "a < b"})
    rows = client.rows(user, "Cron", "listcron")
    assert [row["count"] for row in rows] == [1, 2, 3]
    assert rows[0] == {"linekey": key, **JOB, "command_htmlsafe": JOB["command"], "count": 1}
    assert (rows[1]["command_htmlsafe"], rows[2]) == ("a &lt; b", {"count": 3})
    removed = client.rows(user, "Cron", "remove_line", linekey=key)
    assert removed == [{"statusmsg": "crontab installed", "status": 1}]
    left = client.rows(user, "Cron", "listcron")
    assert [(row.get("linekey"), row["count"]) for row in left] == [(rows[1]["linekey"], 1), (None, 2)]
    assert client.rows(user, "Cron", "remove_line", linekey=key) == removed
    client.rows(user, "Cron", "remove_line", line="1")
    assert client.rows(user, "Cron", "listcron") == [{"count": 1}]


def test_cron_by_other_habits(whm, client, user):
    whm.quirks = Quirks(cron_count=False, cron_mailto=False, cron_remove_by="line", cron_minutes=5)
    client.api2(user, "Cron", "add_line", **JOB)
    assert crontab(user) == "*/5 * * * * true # shoplaunch:1\n"
    (row,) = client.rows(user, "Cron", "listcron")
    assert client.rows(user, "Cron", "remove_line", linekey=row["linekey"])[0]["status"] == 1
    assert len(client.rows(user, "Cron", "listcron")) == 1
    whm.quirks.cron_too_often = "refuse"
    assert client.api2(user, "Cron", "add_line", **JOB)["cpanelresult"]["event"]["result"] == 0
    whm.quirks.cron_escapes_percent = True
    client.api2(user, "Cron", "add_line", **{**JOB, "minute": "7", "command": "date +%s"})
    assert "date +\\%s" in crontab(user)


def test_other_lines_of_the_crontab_stay(whm, client, user):
    foreign = "# mine\nSHELL=/bin/sh\n\n0 3 * * 1  backup  --all\n"
    whm.engine.write_crontab(user, foreign)
    client.api2(user, "Cron", "add_line", **JOB)
    key = client.rows(user, "Cron", "listcron")[1]["linekey"]
    client.rows(user, "Cron", "remove_line", linekey=key)
    assert crontab(user) == foreign
    kinds = [row["type"] for row in client.rows(user, "Cron", "fetchcron")]
    assert kinds == ["variable", "command"]
    client.rows(user, "Cron", "set_email", email="a@x.test")
    assert client.rows(user, "Cron", "get_email")[0]["email"] == "a@x.test"


def test_api2_is_raw_or_wrapped_with_api_version(whm, client, user):
    assert set(client.api2(user, "Cron", "listcron", version="1")) == {"cpanelresult"}
    whm.quirks.api2_envelope = "wrapped"
    answer = client.api2(user, "Cron", "listcron", version="1")
    assert answer["data"]["cpanelresult"]["data"] == [{"count": 1}]
    assert answer["metadata"]["result"] == 1
    whm.quirks.api2_envelope = "unwrapped"
    assert client.api2(user, "Cron", "listcron", version="1")["data"]["data"] == [{"count": 1}]
    assert set(client.api2(user, "Cron", "listcron")) == {"cpanelresult"}


def test_the_accounts_name_must_be_in_small_letters(client, user):
    answer = client.api2(user.upper(), "Cron", "listcron", version="1")
    assert answer["metadata"]["result"] == 0


def test_failures_of_the_event_are_numbers_or_words(whm, client, user):
    assert client.api2(user, "Cron", "nope")["cpanelresult"]["event"] == {"result": 0}
    whm.quirks.api2_failure = "str"
    answer = client.api2(user, "Cron", "nope")["cpanelresult"]
    assert (answer["event"], answer["data"], bool(answer["error"])) == ({"result": "0"}, [], True)


def test_php_is_set_and_its_block_written(whm, client, user):
    domain = whm.account(user).domain
    versions = client.data(user, "LangPHP", "php_get_installed_versions")["versions"]
    own = "# mine\nOptions -Indexes\n"
    client.data(user, "Fileman", "save_file_content", dir="public_html", file=".htaccess", content=own)
    client.data(
        user, "Fileman", "save_file_content", dir="public_html", file="v.php", content="<?php echo PHP_VERSION;"
    )
    for _ in range(2):
        call = {"version": versions[0], "vhost-1": domain}
        assert client.data(user, "LangPHP", "php_set_vhost_versions", **call) == {"vhosts": [domain]}
    (row,) = client.data(user, "LangPHP", "php_get_vhost_versions")
    assert (row["vhost"], row["version"], row["documentroot"]) == (
        domain, versions[0], whm.account(user).document_root_path,
    )  # fmt: skip
    content = client.data(
        user, "Fileman", "get_file_content", dir="public_html", file=".htaccess", from_charset="utf-8"
    )["content"]
    assert content.startswith(own)
    assert content.count("BEGIN cPanel-generated handler") == 1
    status, body = whm.server.get(domain, "/v.php")
    assert (status, "ea-php" + "".join(body.decode().split(".")[:2])) == (200, versions[0])
    client.error(user, "LangPHP", "php_set_vhost_versions", version="ea-php10", vhost=domain)
    client.error(user, "LangPHP", "php_set_vhost_versions", version=versions[0], vhost="other.test")


def test_further_domains_have_virtual_hosts_of_their_own_but_parked_ones(whm, client, user):
    main = whm.account(user).domain
    for kind, domain in (("addon", "a-second.example.net"), ("sub", f"blog.{main}"), ("parked", "p.example.net")):
        site = whm.add_domain(user, domain, kind)
        client.data(user, "Fileman", "save_file_content", dir=site.root, file="x.txt", content=kind)
        assert whm.server.get(domain, "/x.txt") == (200, kind.encode())
    assert whm.server.get(main, "/x.txt") == (200, b"parked")
    addon = client.data(user, "DomainInfo", "single_domain_data", domain="a-second.example.net")
    home = whm.account(user).home
    assert (addon["servername"], addon["documentroot"]) == (f"a-second.{main}", f"{home}/a-second.example.net")
    assert "a-second.example.net" in addon["serveralias"].split()
    client.error(user, "DomainInfo", "single_domain_data", domain="p.example.net")
    every = client.data(user, "DomainInfo", "domains_data")
    assert (every["addon_domains"], every["parked_domains"]) == ([addon], ["p.example.net"])
    assert [row["domain"] for row in every["sub_domains"]] == [f"blog.{main}"]
    hosts = [row["vhost"] for row in client.data(user, "LangPHP", "php_get_vhost_versions")]
    assert hosts == [main, f"a-second.{main}", f"blog.{main}"]
    version = whm.engine.php_versions()[0]
    client.error(user, "LangPHP", "php_set_vhost_versions", version=version, vhost="a-second.example.net")
    client.data(user, "LangPHP", "php_set_vhost_versions", version=version, vhost=f"a-second.{main}")
    whm.remove(user)
    assert whm.server.get("p.example.net", "/x.txt")[0] == 404


def test_the_hosts_blocks_differ(whm, client, user):
    whm.quirks = Quirks(php_handler="___lsphp", php_ini_block=True)
    version = whm.engine.php_versions()[0]
    for _ in range(2):
        call = {"version": version, "vhost": whm.account(user).domain}
        client.data(user, "LangPHP", "php_set_vhost_versions", **call)
    content = client.data(user, "Fileman", "get_file_content", dir="public_html", file=".htaccess")["content"]
    assert content.count("BEGIN cPanel-generated") == content.count("END cPanel-generated") == 2
    assert f"AddHandler application/x-httpd-{version}___lsphp .php" in content


def test_names_are_known_as_the_table_says(whm, user, monkeypatch):
    domain = whm.account(user).domain
    monkeypatch.setattr(socket, "getaddrinfo", whm.getaddrinfo)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(domain, 443)
    whm.dns[domain] = whm.ip
    assert {entry[4][0] for entry in socket.getaddrinfo(domain, 443)} == {whm.ip}


def tls_get(whm, domain, path):
    """Return (status, body) of a request over TLS, the certificate checked against the double's authority."""
    context = ssl.create_default_context(cafile=whm.ca_file)
    connection = http.client.HTTPSConnection(domain, whm.https_port, timeout=120, context=context)
    raw = socket.create_connection((whm.ip, whm.https_port), timeout=120)
    connection.sock = context.wrap_socket(raw, server_hostname=domain)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def check_ended(client, user):
    wait_until(lambda: client.data(user, "SSL", "is_autossl_check_in_progress") == 0)
    return client.data(user, "SSL", "get_autossl_problems")


def test_autossl_issues_a_certificate_once_dns_points_here(whm, client, user):
    domain = whm.account(user).domain
    client.data(user, "Fileman", "save_file_content", dir="public_html", file="x.txt", content="here")
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_get(whm, domain, "/x.txt")
    assert client.data(user, "SSL", "start_autossl_check") is None
    assert "does not resolve" in json.dumps(check_ended(client, user), ensure_ascii=False)
    whm.dns[domain] = whm.ip
    closed = "RewriteEngine On\nRewriteRule ^ - [R=503,L]\n"
    client.data(user, "Fileman", "save_file_content", dir="public_html", file=".htaccess", content=closed)
    client.data(user, "SSL", "start_autossl_check")
    assert "HTTP 503" in json.dumps(check_ended(client, user))
    client.rows(user, "Fileman", "fileop", op="unlink", sourcefiles="public_html/.htaccess")
    client.data(user, "SSL", "start_autossl_check")
    assert check_ended(client, user) == []
    assert tls_get(whm, domain, "/x.txt") == (200, b"here")
    version = whm.engine.php_versions()[0]
    client.data(user, "LangPHP", "php_set_vhost_versions", version=version, vhost=domain)
    assert tls_get(whm, domain, "/x.txt") == (200, b"here")


def test_a_reseller_works_in_its_own_account_and_the_ones_it_sold(whm):
    name, token = whm.reseller()
    reseller = Client(whm, name, token)
    user = whm.add_account(owner=name).user
    for one in (name, user):
        reseller.data(one, "Fileman", "save_file_content", file="x", content="x")
        assert reseller.rows(one, "Cron", "listcron") == [{"count": 1}]
