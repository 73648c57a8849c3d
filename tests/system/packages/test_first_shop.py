"""systemd is process 1: the page alone leads from the package to a living shop, which outlives restarts and a purge."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle
from tests.system.packages.conftest import build
from tests.system.packages.machines.billing import BesideWhmcs
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import (
    BACKUPS,
    SERVICES,
    TIMERS,
    UNITS,
    answers,
    follow,
    followed,
    is_active,
    lines_back,
    log_of,
    main_process,
    purged,
    red_rows,
    row_of,
    sell,
    sell_and_leave,
    shown,
    until_live,
)
from tests.system.packages.machines.tree import SECONDS

pytestmark = [pytest.mark.root, pytest.mark.nightly]
#: Sends an order as a billing system's queue does, again until it is taken, while the package is upgraded.
QUEUE = """
import sys, time, uuid
sys.path.insert(0, "/usr/share/doc/shoplaunch/examples/clients")
from shoplaunch_client import Client, Refused
name, secret = sys.argv[1:]
order = dict(server="web1", bundle="classic", domain=name + ".example.com", email="owner@example.com", account=name,
             create_account=True, language="en", service_id=name)
client, event, tries = Client("http://127.0.0.1:8000", "billing", secret), str(uuid.uuid4()), 0
while True:
    tries += 1
    try:
        client.order(order, event)
        break
    except Refused as refusal:
        if not refusal.retryable:
            raise
    except OSError:
        pass
    time.sleep(0.3)
print(tries)
"""
#: Asks Prometheus each expression and prints those that have no answer.
ASK = """
import json, math, sys, urllib.parse, urllib.request
def answered(expression):
    asked = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    found = json.load(urllib.request.urlopen(asked, timeout=30))["data"]["result"]
    return any(not math.isnan(float(one["value"][1])) for one in found)
print(json.dumps([one for one in json.loads(sys.argv[1]) if not answered(one)]))
"""
#: Asks nginx of this machine for a page, and prints status and headers.
VISIT = """
import http.client, json, ssl, sys
asked = http.client.HTTPSConnection("127.0.0.1", context=ssl._create_unverified_context(), timeout=60)
asked.request("GET", sys.argv[1], headers={"Host": "control.example.com"})
answer = asked.getresponse()
print(json.dumps([answer.status, {name.lower(): value for name, value in answer.getheaders()}]))
"""
#: As the page says where an Apache runs: without the first `server`, by the socket.
NGINX = """
cp -a /etc/shoplaunch/shoplaunch.toml /root/before.toml
sed -i '1i bind = "unix:/run/shoplaunch-web/socket"\\ntrusted_proxies = 1' /etc/shoplaunch/shoplaunch.toml
systemctl restart shoplaunch-web
install -d -m 700 /etc/ssl/shoplaunch
cd /etc/ssl/shoplaunch
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=control.example.com -keyout key.pem -out fullchain.pem 2>/dev/null
rm -f /etc/nginx/sites-enabled/*
sed -e '/^server {/{N;/listen 80/{:a;N;/\\n}$/!ba;d}}' \\
    -e 's,server 127.0.0.1:8000;,server unix:/run/shoplaunch-web/socket;,' \\
    /usr/share/doc/shoplaunch/examples/nginx/shoplaunch.conf >/etc/nginx/sites-enabled/shoplaunch
"""
WITHOUT_NGINX = """
systemctl stop nginx
rm -rf /etc/nginx/sites-enabled/shoplaunch /etc/ssl/shoplaunch /var/log/nginx/shoplaunch*
cat /root/before.toml >/etc/shoplaunch/shoplaunch.toml
systemctl restart shoplaunch-web
"""


def needed():
    """Skip where the machine has not what a server of one's own needs."""
    missing = [name for name in ("mariadbd", "apache2", "cron", "systemctl", "php") if shutil.which(name) is None]
    if missing or not list(Path("/usr/lib/systemd/system").glob("php*-fpm.service")):
        pytest.skip(f"a server of one's own needs {', '.join(missing) or 'php-fpm'}")


@pytest.fixture(scope="module")
def machine(package, tmp_path_factory):
    """A machine whose operator has followed the page, up to the first shop's order; `job` is its job."""
    needed()
    made = Machine(tmp_path_factory.mktemp("machine") / "first", prepared=SERVICES)
    try:
        made.path("/var/tmp/queue.py").write_text(QUEUE)
        made.job = followed(made, package)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def newer(package, tmp_path_factory):
    """The package of a later version."""
    version = re.search(r"_(.*)_", Path(package).name)[1]
    return build(tmp_path_factory.mktemp("newer"), "--version", "9" + version)


def test_the_page_leads_from_the_package_to_a_living_shop(machine):
    until_live(machine, machine.job)
    assert answers(machine, "alice.example.com") == 200
    assert all(is_active(machine, unit) for unit in UNITS)
    said = log_of(machine, *UNITS)
    # Its agent was started as cron would, without the worker's limits
    assert f"job {machine.job}: step notify" in said and "not quite as cron does" not in said
    assert red_rows(machine) == set()


def test_prometheus_sees_web_and_worker_as_the_package_carries_its_settings(machine):
    if shutil.which("prometheus") is None:
        pytest.skip("no Prometheus here")
    known = "--config.file=/usr/share/doc/shoplaunch/examples/monitoring/prometheus.yml"
    where = ("--storage.tsdb.path=/var/tmp/numbers", "--web.listen-address=127.0.0.1:9090")
    machine.run("systemd-run", "--quiet", "--unit=numbers", "prometheus", known, *where)
    wait_until(lambda: is_active(machine, "numbers"))
    wait_until(lambda: unanswered(machine, 'sum(up{job="shoplaunch"}) == 2') == [])
    job = sell(machine, "counted")
    until_live(machine, job)
    panels = json.loads(machine.path("/usr/share/doc/shoplaunch/examples/monitoring/dashboard.json").read_text())
    asked = [target["expr"] for panel in panels["panels"] for target in panel["targets"]]
    # The panel of a server of one's own is not called over a network
    wait_until(lambda: unanswered(machine, *(one for one in asked if "panel_call" not in one)) == [])
    machine.run("systemctl", "stop", "numbers")


def unanswered(machine, *expressions):
    """Return which of the expressions have no answer; all while Prometheus does not answer itself."""
    done = subprocess.run(machine.words("python3", "-c", ASK, json.dumps(expressions)), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else [*expressions]


def test_nginx_of_the_package_reaches_the_socket_and_sends_static_files_itself(machine):
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("no nginx here, or nothing that makes it a certificate")
    machine.run("sh", "-ec", NGINX)
    try:
        machine.run("systemctl", "restart", "nginx")
        wait_until(lambda: visited(machine, "/healthz")[0] == 200)
        status, headers = visited(machine, "/static/shoplaunch.css")
        assert (status, headers["x-content-type-options"], headers["server"][:5]) == (200, "nosniff", "nginx")
        assert "etag" in headers and headers["cache-control"] == "max-age=2592000"
        assert visited(machine, "/admin/login")[0] == visited(machine, "/metrics")[0] == 200
    finally:
        machine.run("sh", "-ec", WITHOUT_NGINX)
    wait_until(lambda: row_of(machine, "web")["ok"])


def visited(machine, path):
    """Return status and headers of a page that nginx answers with."""
    return json.loads(machine.run("python3", "-c", VISIT, path))


def test_web_and_worker_come_back_after_a_restart_and_after_a_kill(machine):
    machine.run("systemctl", "restart", *UNITS)
    for unit in UNITS:
        former = main_process(machine, unit)
        machine.run("kill", "-KILL", former)
        wait_until(lambda: main_process(machine, unit) not in ("0", former) and is_active(machine, unit))
    wait_until(lambda: row_of(machine, "web")["ok"])
    # A web server in front may enter, and accounts may not
    assert machine.run("stat", "--format=%U %G %a", "/run/shoplaunch-web").split() == ["root", "www-data", "750"]


def test_a_second_web_server_is_refused_and_the_first_goes_on(machine):
    first = main_process(machine, "shoplaunch-web")
    said = machine.run("shoplaunch", "serve", "--no-worker", code=1)
    assert "in use" in said
    machine.run("systemctl", "start", *UNITS)
    assert main_process(machine, "shoplaunch-web") == first


def test_the_timers_services_save_and_remove(machine):
    known = machine.run("systemctl", "list-timers", "--no-pager", "--all")
    for name in TIMERS:
        assert f"{name}.timer" in known
        machine.run("systemctl", "start", f"{name}.service")
    saved = max(path.name for path in machine.path(BACKUPS).glob("2*.backup"))
    assert "is whole" in machine.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved}")
    assert "Removed: " in log_of(machine, "shoplaunch-retention")


@pytest.mark.parametrize("end", ["reboot", "cut_off"])
def test_a_job_in_flight_goes_on_after(machine, end):
    name = end.replace("_", "")
    job = sell_and_leave(machine, name)
    getattr(machine, end)()
    assert all(is_active(machine, unit) for unit in UNITS)
    until_live(machine, job)
    assert answers(machine, f"{name}.example.com") == answers(machine, "alice.example.com") == 200


@pytest.fixture(scope="module")
def billing(machine, mariadb_server):
    """A WHMCS whose addon sends orders to the machine's controller."""
    key = {"name": "whmcs", **json.loads(machine.run("shoplaunch", "key", "add", "whmcs", "--json"))}
    made = BesideWhmcs(machine, mariadb_server, key, "classic")
    yield made
    made.close()


def test_an_order_that_comes_during_an_upgrade_is_built_by_the_new_version(machine, newer, billing):
    key = json.loads(machine.run("shoplaunch", "key", "add", "billing", "--json"))
    upgrade = subprocess.Popen(machine.words("dpkg", "-i", machine.give(newer)), stdout=subprocess.DEVNULL)
    before = {main_process(machine, unit) for unit in UNITS}
    wait_until(lambda: upgrade.poll() is not None or list(machine.path(BACKUPS).glob("before-9*")))
    early = sell(machine, "early")
    queue = machine.words("python3", "-B", "/var/tmp/queue.py", "late", key["secret"])
    wait_until(lambda: upgrade.poll() is not None or not is_active(machine, "shoplaunch-web"))
    service = billing.sell("queued")
    assert billing.waiting()
    sent = subprocess.run(queue, capture_output=True, text=True, timeout=SECONDS)
    assert sent.returncode == 0, sent.stderr
    assert upgrade.wait(SECONDS) == 0
    assert before.isdisjoint(main_process(machine, unit) for unit in UNITS)
    # The events wait in WHMCS, whose cron sends them
    billing.addon.due_now()
    billing.addon.cron()
    assert billing.waiting() == []
    known = {row["account"]: row["id"] for row in json.loads(machine.run("shoplaunch", "jobs", "--json"))}
    for job in (early, known["late"], known["queued"]):
        until_live(machine, job)
    assert answers(machine, "queued.example.com") == 200
    billing.addon.due_now()
    billing.addon.cron()
    assert billing.addon.shop(service)["state"] == "live"


def test_the_page_leads_back_to_the_former_version_and_shops_live_on(machine, package):
    follow(machine, lines_back(machine, package))
    assert row_of(machine, "database")["ok"] and answers(machine, "alice.example.com") == 200
    assert all(is_active(machine, unit) for unit in UNITS)
    machine.run("systemctl", "restart", "php*-fpm.service", "apache2")
    machine.run("rm", "-r", "/root/later")
    job = sell(machine, "after")
    until_live(machine, job)
    assert answers(machine, "after.example.com") == answers(machine, "alice.example.com") == 200


def test_a_purge_leaves_living_shops_and_nothing_else(machine):
    until_live(machine, machine.job)
    purged(machine)
    machine.reboot()
    assert answers(machine, "alice.example.com") == 200


def test_without_privileges_units_work_and_come_back(package, tmp_path):
    made = Machine(tmp_path / "plain")
    try:
        made.run("dpkg", "-i", made.give(package))
        made.run("shoplaunch", "init", "--operator-email", "operator@example.com")
        made.run("systemctl", "start", *UNITS)
        job = waits_for_a_server(made, tmp_path)
        for unit in UNITS:
            process = main_process(made, unit)
            status = made.run("cat", f"/proc/{process}/status")
            assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
            made.run("kill", "-KILL", process)
            wait_until(lambda: main_process(made, unit) not in ("0", process) and is_active(made, unit))
        for name in TIMERS:
            made.run("systemctl", "start", f"{name}.service")
        made.reboot()
        tries = json.dumps(shown(made, job)["steps"])
        wait_until(lambda: json.dumps(shown(made, job)["steps"]) != tries)
        made.run("dpkg", "--purge", "shoplaunch")
        assert list(made.path("/var/lib/systemd/timers").glob("*shoplaunch*")) == []
    finally:
        made.close()


def waits_for_a_server(machine, tmp_path):
    """Place an order whose server does not answer; return the job once that was met."""
    members = sample_members()
    write_bundle(tmp_path / "small.bundle", members, small_manifest(members))
    (tmp_path / "token").write_text("A" * 32)
    for name in ("small.bundle", "token"):
        machine.run("chown", "shoplaunch", machine.give(tmp_path / name))
    machine.run("shoplaunch", "bundle", "add", "small", "/var/tmp/small.bundle")
    known = ["--url", "https://127.0.0.1:2087", "--user", "reseller", "--token-file", "/var/tmp/token"]
    machine.run("shoplaunch", "server", "add", "cp1", "--panel", "cpanel", *known)
    order = ["--server", "cp1", "--bundle", "small", "--domain", "shop.example.com", "--account", "alice"]
    job = machine.run("shoplaunch", "order", *order, "--email", "owner@example.com").strip()
    wait_until(lambda: "panel_unreachable" in json.dumps(shown(machine, job)["steps"]))
    return job
