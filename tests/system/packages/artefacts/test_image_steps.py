"""Where the kernel runs no container, the Containerfile's steps run in a debootstrapped tree instead, and this says so.

SHOPLAUNCH_NO_CONTAINERS=1 makes them run so everywhere.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.machines.containers import Containers
from tests.system.packages.machines.tree import SECONDS, Tree

CONTAINER = PROJECT / "packaging" / "container"
STATE = "/var/lib/shoplaunch"
#: What an image has, and a tree has not.
WITH_LOCAL = ("env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
END = """
for process in $(cd /proc; ls -d [0-9]* | sort -n); do
    grep -q 's[e]rve' /proc/$process/cmdline && kill -TERM $process && exit
done
exit 1
"""
#: As a container's processes: nobody in particular, who can become nobody else.
NOBODY = (
    *WITH_LOCAL, "setpriv", "--reuid=990", "--regid=990", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
    "--inh-caps=-all",
)  # fmt: skip


@pytest.fixture
def tree(base, tmp_path):
    """A debootstrapped system, where no container runs."""
    if "SHOPLAUNCH_NO_CONTAINERS" not in os.environ:
        found = Containers(tmp_path / "containers")
        try:
            found.import_base(base, "localhost/base")
            if not found.runs():
                pytest.skip("containers run here: test_image.py tries them")
        finally:
            found.close()
    made = Tree(tmp_path / "tree", base)
    yield made
    made.close()


def instructions():
    """Return (name, rest) of each line of the Containerfile, continued ones as one."""
    text = re.sub(r"^#.*\n", "", (CONTAINER / "Containerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [tuple(line.split(None, 1)) for line in lines]


def carry_out(tree, context):
    """Carry out the steps of both stages in one tree."""
    for name, rest in instructions():
        words = rest.split()
        if name == "COPY" and not rest.startswith("--from"):
            source, target = context / words[0], tree.path(words[1])
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        elif name == "RUN":
            tree.run(*WITH_LOCAL, "sh", "-c", rest)


@pytest.mark.root
@pytest.mark.nightly
def test_the_steps_of_the_image_make_a_system_that_serves_without_root_and_read_only(tree, tmp_path):
    command = [sys.executable, str(CONTAINER / "build.py"), "--material", "--output", str(tmp_path / "material")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    carry_out(tree, tmp_path / "material" / "context")
    assert done.stdout.strip() == str(tmp_path / "material" / "context")
    tree.run("mount", "-t", "tmpfs", "-o", "uid=990,gid=990,mode=0711", "tmpfs", STATE)
    tree.run("mount", "-t", "tmpfs", "tmpfs", "/tmp")
    tree.run("mount", "-o", "remount,bind,ro", "/")
    tree.run("touch", "/new", code=1)
    shown = json.loads(tree.run(*NOBODY, "shoplaunch", "init", "--operator-email", "a@example.com", "--json"))
    assert shown["agent"] is True
    service = tree.start(*NOBODY, "shoplaunch", "serve", "--bind", "127.0.0.1:8000")
    healthy = tree.words(*WITH_LOCAL, "healthy", "http://127.0.0.1:8000/readyz")
    wait_until(lambda: subprocess.run(healthy, stderr=subprocess.DEVNULL).returncode == 0)
    # A base has no pkill; the first of them is the one that ends the others
    tree.run("sh", "-c", END)
    assert service.wait(SECONDS) == 0
