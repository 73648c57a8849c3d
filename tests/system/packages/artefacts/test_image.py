"""`make image`: a container without root and without a writable file system, alone and with MariaDB and Redis."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from controller.settings import sources
from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle
from tests.system.packages.machines.containers import CLOSED, Containers
from tests.system.packages.machines.operating import PAGE, block_from
from tests.system.packages.machines.tree import SECONDS

CONTAINER = PROJECT / "packaging" / "container"
BUILDER = CONTAINER / "build.py"
IMAGE, STATE = "localhost/shoplaunch:latest", "--volume=state:/var/lib/shoplaunch"
#: What MariaDB's and Redis' images do, of Debian's packages: there is no registry of images here.
DATABASE = """
FROM localhost/base
RUN apt-get update -q && apt-get install -y -q --no-install-recommends mariadb-server redis-server \\
 && rm -rf /var/lib/mysql/*
COPY start-database /usr/local/bin/
ENTRYPOINT ["start-database"]
"""
START_DATABASE = """#!/bin/sh
set -eu
chown mysql: /run/mysqld /var/lib/mysql
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db \\
    --auth-root-authentication-method=normal >/dev/null
printf "CREATE DATABASE IF NOT EXISTS %s;\\nGRANT ALL ON %s.* TO '%s'@'%%' IDENTIFIED BY '%s';\\n\
ALTER USER root@localhost IDENTIFIED BY 'n0b0dykn0ws';\\n" \\
    "$MARIADB_DATABASE" "$MARIADB_DATABASE" "$MARIADB_USER" "$MARIADB_PASSWORD" >/var/lib/mysql/first.sql
chown mysql: /var/lib/mysql/first.sql
exec mariadbd --user=mysql --init-file=/var/lib/mysql/first.sql "$@"
"""


@pytest.fixture(scope="module")
def containers(base, tmp_path_factory):
    found = Containers(tmp_path_factory.mktemp("containers"))
    try:
        found.import_base(base, "localhost/base")
        if found.runs():
            pytest.skip(f"no container runs here: {found.runs()}")
        yield found
    finally:
        found.close()


def build(containers, folder):
    command = (sys.executable, BUILDER, "--base", "localhost/base", "--tag", IMAGE, "--output", folder)
    return Path(containers.outside(*command).splitlines()[-1])


@pytest.fixture(scope="module")
def image(containers, tmp_path_factory):
    return build(containers, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def composed(containers, image, tmp_path_factory):
    """The compose file's containers, with a state; they run no service yet."""
    tmp_path = tmp_path_factory.mktemp("parts")
    for name, text in (
        ("Containerfile", DATABASE), ("start-database", START_DATABASE),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    small = ("--ulimit=nofile=1024:4096", "--ulimit=nproc=1024:4096")
    containers.outside("buildah", *containers.store, "build", *small, "-t", "localhost/parts", tmp_path)
    uid = containers.run(
        "run", "--rm", "--network=none", "--ulimit=host", "--entrypoint", "id", "localhost/parts", "-u", "mysql"
    )
    made = Composed(containers, tmp_path / "composed", uid.strip())
    made.run("up", "--detach", "database", "broker")
    # As the compose file asks: what asks by TCP, as MariaDB's own script does, never comes to an answer there
    asks = compose()["database"]["healthcheck"]["test"]
    wait_until(lambda: made.code("exec", "-T", "database", *asks[1:]) == 0)
    made.run("run", "--rm", "web", "init", "--operator-email", "a@example.com")
    yield made
    made.run("down")


def compose():
    return yaml.safe_load((CONTAINER / "compose.yml").read_text("utf-8"))["services"]


def test_in_the_compose_file_the_service_writes_nothing_but_its_state_and_gains_nothing():
    for name in ("web", "worker"):
        service = compose()[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [volume for volume in service["volumes"] if not volume.endswith(":ro")] == ["state:/var/lib/shoplaunch"]


def test_in_the_compose_file_only_this_machines_proxy_reaches_a_port():
    assert {name: service["ports"] for name, service in compose().items() if "ports" in service} == {
        "web": ["127.0.0.1:8000:8000"]
    }


def test_the_compose_files_variables_are_settings_and_empty_ones_say_nothing():
    named = {name: "" if text.endswith(":-}") else text for name, text in compose()["web"]["environment"].items()}
    assert {"SHOPLAUNCH_MAIL__HOST", "SHOPLAUNCH_PUBLIC_URL"} <= set(named)
    unknown = dict.fromkeys(named, "x") | {"SHOPLAUNCH_ENGINE": "celery"}
    assert [one.message for one in sources.of_environment(unknown).problems if "no setting" in one.message] == []
    assert not any(".mail" in place or "mail." in place for place in sources.of_environment(named).places)


def test_a_health_check_says_what_a_server_answers(tmp_path):
    command = [sys.executable, str(CONTAINER / "healthy"), "http://127.0.0.1:1/readyz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "refused" in done.stderr) == (1, True)


@pytest.mark.root
@pytest.mark.nightly
class TestImage:
    def test_it_serves_without_root_and_ends_when_it_is_asked_to(self, containers, image):
        shown = containers.run(
            "run", "--rm", *CLOSED, STATE, IMAGE, "init", "--operator-email", "a@example.com", "--json"
        )
        assert json.loads(shown)["agent"] is True
        containers.run("run", "--detach", "--name", "web", *CLOSED, STATE, IMAGE)
        healthy = [*containers.enter(), "podman", *containers.store, "healthcheck", "run", "web"]
        wait_until(lambda: subprocess.run(healthy, env=containers.environment).returncode == 0)
        status = containers.run("exec", "web", "cat", "/proc/1/status")
        assert (
            "Uid:\t990\t990\t990\t990" in status
            and "NoNewPrivs:\t1" in status
            and "CapEff:\t0000000000000000" in status
        )
        assert "Read-only" in containers.run("exec", "web", "touch", "/opt/shoplaunch/new", code=1)
        rows = json.loads(containers.run("exec", "web", "shoplaunch", "doctor", "--json", code=1))
        assert {row["name"] for row in rows if not row["ok"]} <= {"mail", "servers"}
        # 137 where it had to be killed after these seconds
        containers.run("stop", "--time", "20", "web")
        assert containers.run("inspect", "web", "--format", "{{.State.ExitCode}}").strip() == "0"
        # The state is the volume's: another container goes on with it
        users = containers.run("run", "--rm", *CLOSED, STATE, IMAGE, "user", "list", "--json")
        assert [row["user"] for row in json.loads(users)] == ["admin"]

    def test_two_builds_of_a_commit_give_the_same_bytes(self, containers, image, tmp_path):
        again = build(containers, tmp_path)
        assert again.name == image.name
        assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(image.read_bytes()).digest()

    def test_the_bill_of_materials_names_the_wheels_and_the_systems_packages(self, image):
        names = {part["name"] for part in json.loads(image.with_suffix(".cdx.json").read_text())["components"]}
        assert {"Flask", "celery", "ecdsa", "shoplaunch", "libc6", "python3.13"} <= names
        subprocess.run(["sha256sum", "--check", f"{image.name}.sha256"], cwd=image.parent, check=True)

    def test_composed_with_mariadb_and_redis_a_worker_hears_the_broker(self, composed):
        composed.run("up", "--detach")
        wait_until(lambda: composed.workers() == ["ok"])
        assert composed.status()["kind"] == "celery"
        wait_until(composed.is_ready)
        assert composed.code("exec", "-T", "worker", "healthy", "http://127.0.0.1:8001/metrics") == 0

    def test_composed_the_page_leads_to_a_newer_image_and_back_to_the_former(self, containers, composed, tmp_path):
        composed.run("up", "--detach")
        wait_until(composed.is_ready)
        composed.shell("shoplaunch user add kept --role look")
        backup, *others = re.findall(r"`(podman-compose [^`]*)`", upgrade_of_composed())
        named = re.findall(r"`(podman tag [^`]*)`", upgrade_of_an_image())
        composed.follow([backup, *named])
        (tmp_path / "Containerfile").write_text(f"FROM {IMAGE}\nENV NEWER=yes\n")
        containers.outside("buildah", *containers.store, "build", "-t", IMAGE, tmp_path)
        composed.follow(others)
        wait_until(composed.is_ready)
        assert composed.shell("printenv NEWER").strip() == "yes"
        # What comes later is not in that backup
        composed.shell("shoplaunch user remove kept --yes")
        composed.follow(block_from("podman-compose stop web worker"))
        wait_until(composed.is_ready)
        assert composed.code("exec", "-T", "web", "printenv", "NEWER") == 1
        assert "kept" in composed.shell("shoplaunch user list --json")
        wait_until(lambda: composed.workers() == ["ok"])

    def test_the_page_leads_back_to_the_former_image(self, containers, image, tmp_path):
        host = Host(containers, tmp_path)
        # Without a server doctor is red
        host.follow([line for line in block_from("alias closed=") if not line.endswith("doctor")])
        host.shell("shoplaunch user add later --role look")
        write_bundle(tmp_path / "classic.bundle", members := sample_members(), small_manifest(members))
        (tmp_path / "cp1.token").write_text("A" * 32)
        host.follow(block_from("podman exec -i shoplaunch sh"))
        assert "cp1" in host.shell("shoplaunch server list") and "classic" in host.shell("shoplaunch bundle list")
        assert "mail.example.com" in host.shell("shoplaunch config show")
        host.follow(re.findall(r"`(podman (?:exec|tag)[^`]*)`", upgrade_of_an_image()))
        # What comes later is not in that backup
        host.shell("shoplaunch user remove later --yes")
        back = block_from("podman stop -t 25 shoplaunch")
        host.follow([block_from("alias closed=")[0], *back])
        host.follow([line for line in block_from("alias closed=") if line.startswith("podman run -d")])
        assert "later" in host.users()
        wait_until(host.is_ready)


def upgrade_of_an_image():
    """Return what the page says of an upgrade of containers."""
    text = (PROJECT / PAGE).read_text("utf-8")
    return " ".join(re.search(r"^\* An upgrade: `podman exec(?:.|\n(?=  ))*", text, re.MULTILINE)[0].split())


def upgrade_of_composed():
    """Return what the page says of an upgrade of the compose file's containers."""
    text = (PROJECT / PAGE).read_text("utf-8")
    return " ".join(re.search(r"^\* The same with `compose.yml`(?:.|\n(?=  ))*", text, re.MULTILINE)[0].split())


class Host:
    """A host with containers, whose operator follows the page."""

    def __init__(self, containers, folder):
        self._containers, self._folder = containers, folder
        more = " ".join(["--ulimit=host", "--network=none", "--tmpfs=/tmp", "--read-only-tmpfs=false"])
        store = " ".join(containers.store)
        (folder / "podman").write_text(
            f'#!/bin/sh\n[ "$1" != run ] || {{ shift; set -- run {more} "$@"; }}\nexec /usr/bin/podman {store} "$@"\n'
        )
        (folder / "podman").chmod(0o755)

    def follow(self, lines):
        """Run the page's lines in one shell, with no network and no terminal; return what it says."""
        done = self._run(lines)
        assert done.returncode == 0, (done.args, done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout

    def _run(self, lines):
        text = (
            "\n".join(lines)
            .replace("-it ", "-i ")
            .replace("-p 127.0.0.1:8000:8000 ", "")
            .replace("FILE", "before.backup")
        )
        script = f"set -eu; PATH={self._folder}:$PATH; cd {self._folder}\n{text}"
        return subprocess.run(
            [*self._containers.enter(), "sh", "-c", script], env=self._containers.environment, capture_output=True,
            stdin=subprocess.DEVNULL, text=True, timeout=SECONDS,
        )  # fmt: skip

    def is_ready(self):
        """Return whether the service in its container takes orders."""
        return self._run(["podman exec shoplaunch healthy http://127.0.0.1:8000/readyz"]).returncode == 0

    def shell(self, command):
        """Run a command of the service in its container."""
        return self.follow([f"podman exec shoplaunch {command}"])

    def users(self):
        return {row["user"] for row in json.loads(self.shell("shoplaunch user list --json"))}


class Composed:
    """The compose file, with images of this machine's."""

    def __init__(self, containers, folder, uid):
        folder.mkdir()
        self._containers, self._folder = containers, folder
        (folder / "compose.yml").write_bytes((CONTAINER / "compose.yml").read_bytes())
        (folder / ".env").write_text(
            f"PUBLIC_URL=https://control.example.com\nDATABASE_PASSWORD=d4t4\nBROKER_PASSWORD=br0k3r\nDATABASE_UID={uid}\n"
            "DATABASE_IMAGE=localhost/parts\nBROKER_IMAGE=localhost/parts\n"
        )

    def _words(self, *command):
        podman = " ".join(["podman", *self._containers.store])
        (self._folder / "podman").write_text(f'#!/bin/sh\nexec /usr/bin/{podman} "$@"\n')
        (self._folder / "podman").chmod(0o755)
        run = ("--podman-run-args=--ulimit=host",)
        return [
            *self._containers.enter(), "--wd=" + str(self._folder), "podman-compose",
            f"--podman-path={self._folder / 'podman'}", *run, *command,
        ]  # fmt: skip

    def run(self, *command):
        done = subprocess.run(self._words(*command), env=self._containers.environment, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"{command} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-3000:]}")
        return done.stdout

    def code(self, *command):
        return subprocess.run(self._words(*command), env=self._containers.environment, capture_output=True).returncode

    def status(self):
        # Without a worker that is ok the command fails
        command = "shoplaunch engine status --json || test $? = 1"
        return json.loads(self.run("exec", "-T", "web", "sh", "-c", command))

    def workers(self):
        return [row["state"] for row in self.status()["workers"]]

    def is_ready(self):
        """Return whether the service takes orders."""
        return self.code("exec", "-T", "web", "healthy", "http://127.0.0.1:8000/readyz") == 0

    def shell(self, command):
        """Run a command in the container of the web server."""
        return self.run("exec", "-T", "web", *command.split())

    def follow(self, lines):
        """Run the page's lines in one shell, in the folder of the compose file."""
        words = " ".join(map(str, self._words()[self._words().index("podman-compose") + 1 :]))
        (self._folder / "podman-compose").write_text(f'#!/bin/sh\nexec /usr/bin/podman-compose {words} "$@"\n')
        (self._folder / "podman-compose").chmod(0o755)
        script = "\n".join([f"set -eu; PATH={self._folder}:$PATH; cd {self._folder}", *lines])
        done = subprocess.run(
            [*self._containers.enter(), "sh", "-c", script], env=self._containers.environment, capture_output=True,
            stdin=subprocess.DEVNULL, text=True, timeout=SECONDS * 5,
        )  # fmt: skip
        assert done.returncode == 0, (lines, done.stdout[-1500:], done.stderr[-3000:])
