"""What an operator does on a machine with the package: follows the page, sells shops, looks at what runs."""

import json
import re
import shutil
from pathlib import Path

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.machines.tree import SECONDS
from tests.system.pages.page_commands import blocks_of

PAGE = "controller/OPERATING.md"
UNITS, TIMERS = ("shoplaunch-web", "shoplaunch-worker"), ("shoplaunch-backup", "shoplaunch-retention")
STATE, BACKUPS = "/var/lib/shoplaunch", "/var/backups/shoplaunch"
#: A machine of its own has these services as they come from the system's packages, and nobody's accounts.
SERVICES = """
rm -rf /var/lib/mysql /home/* /etc/apache2/sites-enabled/* /etc/php/*/fpm/pool.d/shoplaunch*
install -d -o mysql -g mysql -m 700 /var/lib/mysql
mariadb-install-db --user=mysql --skip-test-db >/dev/null
cd /usr/lib/systemd/system
systemctl --root=/ enable --quiet mariadb apache2 cron php[0-9]*-fpm.service
"""
#: What the page's `shoplaunch setup` asks.
ANSWERS = """
public_url = "http://127.0.0.1:8000"
operator_email = "operator@example.com"
[server]
name = "web1"
panel = "local"
"""
TEMPLATE = """
mkdir -p /home/template
mariadb -e "CREATE DATABASE template CHARACTER SET utf8mb4; CREATE USER template@localhost IDENTIFIED BY 't3mplate';
    GRANT ALL ON template.* TO template@localhost"
SAMPLE_SHOP_DB_PASSWORD=t3mplate SAMPLE_SHOP_ADMIN_PASSWORD=Template-Pw-77 php /var/tmp/sample-shop/install.php \\
    --docroot /home/template/public_html --domain template.example --admin-email owner@template.example \\
    --db-url 'mysql://template@localhost/template?unix_socket=/run/mysqld/mysqld.sock'
"""
#: Ends as soon as a job's account is prepared. `shoplaunch show` begins for longer than a shop takes.
BEGUN = """
import sqlite3, sys, time
asked = sqlite3.connect("file:/var/lib/shoplaunch/shoplaunch.db?mode=ro", uri=True)
while True:
    state, = asked.execute("SELECT state FROM jobs WHERE id = ?", (sys.argv[1],)).fetchone()
    if state not in ("received", "preparing"):
        break
    time.sleep(0.02)
"""
#: What stands on the page -> what is run instead; None: it was done before.
INSTEAD = {
    "make deb": None,
    "apt install mariadb-server": None,
    "apt install ./build/deb": "dpkg -i /var/tmp/shoplaunch_*.deb",
    "shoplaunch setup": "shoplaunch setup --from /var/tmp/answers --json",
    "shoplaunch watch": "true",
}


def block_from(first):
    """Return the page's lines of the block that has one beginning with `first`, from there on."""
    for block in blocks_of(PAGE):
        for number, line in enumerate(block):
            if line.startswith(first):
                return block[number:]
    raise AssertionError(f"no block of {PAGE} has {first}")


def follow(machine, lines):
    """Run the page's lines as root; return what the last one said."""
    said = ""
    for line in lines:
        run = next((other for begin, other in INSTEAD.items() if line.startswith(begin)), line)
        said = machine.run("sh", "-c", f"cd /root; {run}") if run else said
    return said


def lines_back(machine, package, of_server=False):
    """Return the page's lines that lead back to the former version, which is `package`; files have their names.

    `of_server`: where a database server has the state.
    """
    (saved,) = machine.path(BACKUPS).glob("before-*.backup")
    names = {"FORMER.deb": machine.give(package), "before-….backup": saved.name}
    found = block_from("systemctl stop shoplaunch-web")
    if of_server:
        moved = next(number for number, line in enumerate(found) if line.startswith("mkdir"))
        found[moved : moved + 1] = block_from("mkdir -m 700 /root/later && mv /var/lib/shoplaunch/keys /root/later/")
    lines = "\n".join(found)
    for shown_there, name in names.items():
        lines = lines.replace(shown_there, name)
    return lines.splitlines()


def sell(machine, name):
    """Order a shop as the page does, for an account called `name`; return the job."""
    order = block_from("shoplaunch order")[0]
    return follow(machine, [order.replace("alice", name).replace("shop.example", f"{name}.example")]).strip()


def shown(machine, job):
    return json.loads(machine.run("shoplaunch", "show", job, "--json"))


def sell_and_leave(machine, name):
    """Order a shop as `sell` does; return its job as soon as its account is prepared."""
    job = sell(machine, name)
    machine.run("timeout", SECONDS, "python3", "-c", BEGUN, job)
    return job


def lives(machine, job):
    found = shown(machine, job)
    assert found["state"] not in ("failed", "stalled"), found
    return found["state"] == "live"


def until_live(machine, job):
    """Wait until the job is live; if that never comes, say all that the machine knows of it."""
    wait_until(lambda: lives(machine, job), what=lambda: all_about(machine, job))


def all_about(machine, job):
    """Return what tells why a job stands: the job, its account's files, what has failed and what the units wrote."""
    home = f"/home/{shown(machine, job)['account']}/.shoplaunch"
    asked = (
        f"shoplaunch show {job} --json", f"ls -la {home}; cat {home}/state.json; tail -n 100 {home}/agent.log",
        "date; uptime; ps faux", "systemctl --failed --no-pager; systemctl status --no-pager mariadb apache2 cron",
        f"journalctl --no-pager --boot -n 300 {' '.join(f'--unit={unit}' for unit in (*UNITS, 'cron'))}",
    )  # fmt: skip
    return "\n\n".join(f"# {line}\n{machine.run('sh', '-c', f'{line}; true')}" for line in asked)


def answers(machine, name):
    """Return the status of a shop's first page."""
    connect = "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1')"
    ask = "c.request('GET', '/', headers={'Host': sys.argv[1]}); print(c.getresponse().status)"
    return int(machine.run("python3", "-c", f"{connect}; {ask}", name))


def rows(machine):
    return json.loads(machine.run("sh", "-c", "shoplaunch doctor --json || test $? = 1"))


def row_of(machine, name):
    return next(row for row in rows(machine) if row["name"] == name)


def main_process(machine, unit):
    return machine.run("systemctl", "show", "--property=MainPID", "--value", unit).strip()


def is_active(machine, unit):
    return machine.run("systemctl", "show", "--property=ActiveState", "--value", unit).strip() == "active"


def log_of(machine, *units):
    return machine.run("journalctl", "--no-pager", "--output=cat", *(f"--unit={unit}" for unit in units))


def followed(machine, package):
    """Follow the page from the package to the first shop's order; return its job."""
    machine.give(package)
    machine.path("/var/tmp/answers").write_text(ANSWERS)
    shutil.copytree(PROJECT / "packaging" / "demo" / "sample-shop", machine.path("/var/tmp/sample-shop"))
    install, *rest = block_from("apt install ./build/deb")
    follow(machine, [install, *block_from("apt install mariadb-server"), rest[0]])
    # Nobody takes mails there
    machine.run("sed", "-i", f'/^.mail.$/a folder = "{STATE}/mail"', "/etc/shoplaunch/shoplaunch.toml")
    machine.run("install", "-d", "-m", "700", f"{STATE}/mail")
    follow(machine, [*rest[1:], "shoplaunch skeleton install web1"])
    machine.run("sh", "-ec", TEMPLATE)
    pack, *others = block_from("SHOPLAUNCH_SOURCE_PASSWORD=… shoplaunch pack --docroot")
    follow(machine, [pack.replace("=…", "=t3mplate"), *others[:-2]])
    return sell(machine, "alice")


def red_rows(machine):
    """Return the names of doctor's red rows but for a note: opcache's memory, as Debian has it, is not used."""
    red = {row["name"] for row in rows(machine) if not row["ok"]}
    return {name for name in red if not re.fullmatch(r"web1: php [0-9.]+ memory", name)}


def purged(machine):
    """Purge the package and remove the backups; require that nothing but what living shops need is left."""
    machine.run("dpkg", "--purge", "shoplaunch")
    machine.run("rm", "-rf", BACKUPS)
    left = {str(Path(name).parent) for name in machine.written("*shoplaunch*")}
    assert {name for name in left if not name.startswith("etc/php/")} <= {
        "var/lib", "var/lib/shoplaunch/sockets", "etc/apache2/sites-enabled"
    }  # fmt: skip
    assert "shoplaunch-" not in machine.run("systemctl", "list-unit-files", "--no-pager")
