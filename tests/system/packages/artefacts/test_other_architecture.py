"""The package of an architecture that this machine does not have: built here, installed under an emulated processor."""

import json
import platform
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.packages.conftest import build
from tests.system.packages.machines.bases import base_of
from tests.system.packages.machines.tree import Tree

#: Here -> the other architecture, and how wheels name its processors.
OTHERS = {"x86_64": ("arm64", "aarch64"), "aarch64": ("amd64", "x86_64")}
FORMATS = Path("/proc/sys/fs/binfmt_misc")
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(platform.machine() not in OTHERS, reason="packages are for amd64 and arm64"),
]


@pytest.fixture(scope="module")
def other(package, tmp_path_factory):
    """The path of the other architecture's package; this one's must be buildable."""
    architecture, _processor = OTHERS[platform.machine()]
    return build(tmp_path_factory.mktemp(architecture), "--architecture", architecture)


def wheels_in(package, folder):
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return {path.name for path in folder.glob("opt/shoplaunch/wheels/*.whl")}


def libraries(names):
    """Return each library, version and Python of `names`, the names of wheels, whatever processor they are for."""
    return {re.sub(r"-[^-]*\.whl$", "", name) for name in names}


@pytest.mark.sampled(of=3, rests=True)
def test_it_carries_the_same_libraries_for_the_other_processor(package, other, tmp_path):
    architecture, processor = OTHERS[platform.machine()]
    said = subprocess.run(["dpkg-deb", "-f", other, "Architecture"], check=True, stdout=subprocess.PIPE, text=True)
    assert said.stdout.strip() == architecture and other.endswith(f"_{architecture}.deb")
    here, there = wheels_in(package, tmp_path / "here"), wheels_in(other, tmp_path / "there")
    assert libraries(there) == libraries(here)
    compiled = {name for name in there if not name.endswith("-any.whl")}
    assert compiled and all(name.endswith(f"_{processor}.whl") for name in compiled)


@pytest.fixture
def emulated(tmp_path_factory):
    """The folder of an arm64 system with nothing but what the package depends on; its programs run here by QEMU."""
    rule = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
    if platform.machine() != "x86_64" or not rule.exists():
        pytest.skip("qemu-user-static, which runs arm64's programs on amd64, is not installed")
    mounted = not (FORMATS / "register").exists()
    if mounted and subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", FORMATS]).returncode != 0:
        pytest.skip("this kernel starts no program of another architecture")
    entry = FORMATS / "qemu-aarch64"
    registered = not entry.exists()
    if registered:
        (FORMATS / "register").write_bytes(rule.read_bytes().strip())
    try:
        yield base_of("trixie", ("python3-venv",), (), tmp_path_factory.mktemp("arm64") / "base", "arm64")
    finally:
        if registered:
            entry.write_text("-1")
        if mounted:
            subprocess.run(["umount", FORMATS], check=True)


@pytest.mark.nightly
def test_it_is_installed_offline_on_the_other_processor_and_makes_its_agent(other, emulated, tmp_path):
    tree = Tree(tmp_path / "tree", emulated)
    try:
        assert tree.run("uname", "-m").strip() == "aarch64"
        assert "Next: `shoplaunch setup`" in tree.run("dpkg", "-i", tree.give(other))
        assert json.loads(tree.run("shoplaunch", "--version", "--json"))["python"].startswith("3.13")
        assert json.loads(tree.run("shoplaunch", "init", "--json"))["agent"] is True
        tree.run("dpkg", "--purge", "shoplaunch")
    finally:
        tree.close()
