"""Builds the package: `make deb`. Same commit, same architecture: same bytes.

The package carries wheels for the Python of each release it is for, named by digest in the lock file, and no virtual
environment: it is made where the package is installed, from these wheels alone.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "artefacts"))

from bill import bill_of
from material import PROJECT, lay_out, said, set_moment, version, write, write_checksum

from controller.setup.installation import SETTINGS

HERE = Path(__file__).resolve().parent
BUILD = PROJECT / "build" / "deb"
#: The Pythons of Debian 12, Ubuntu 24.04 and Debian 13.
PYTHONS = ("3.11", "3.12", "3.13")
#: Debian's word for an architecture -> `uname -m`'s. Nothing is compiled here, so each is built on any machine.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
SCRIPTS = ("postinst", "prerm", "postrm")
UNITS = PROJECT / "packaging" / "systemd"
#: Folder of the package -> examples in it that an administrator copies from.
EXAMPLES = ("nginx", "caddy", "monitoring", "clients")
#: The bill of materials, in the package and beside it.
BILL = Path("usr/share/doc/shoplaunch/sbom.cdx.json")


def main() -> None:
    """Build the package and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=BUILD, help="the folder for the package")
    parser.add_argument("--version", help="instead of the commit's, for trying an upgrade")
    parser.add_argument("--architecture", choices=sorted(MACHINES), help="instead of this machine's")
    chosen = parser.parse_args()
    set_moment()
    architecture = chosen.architecture or said("dpkg", "--print-architecture")
    print(build(chosen.output.resolve(), chosen.version or version(), architecture))


def build(output: Path, version: str, architecture: str) -> Path:
    """Build the package of `version` for an `architecture` into the folder `output` and return its path."""
    output.mkdir(parents=True, exist_ok=True)
    work = output / f"work-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        tree = work / "tree"
        _lay_out(work, tree, MACHINES.get(architecture))
        write(tree / BILL, bill_of((tree / "opt" / "shoplaunch").glob("*/*.whl"), version).encode())
        _describe(tree, version, architecture)
        package = output / f"shoplaunch_{version}_{architecture}.deb"
        shutil.copyfile(tree / BILL, package.with_suffix(".cdx.json"))
        # Wheels are packed already; a compressor's threads would also show in the bytes
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, package], check=True, stdout=2)
        write_checksum(package)
        return package
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _lay_out(work: Path, tree: Path, machine: str | None) -> None:
    """Put everything the package installs below `tree`, with wheels for `machine`."""
    lay_out(work, tree / "opt" / "shoplaunch", *PYTHONS, machine=machine)
    write(tree / "usr" / "bin" / "shoplaunch", (HERE / "shoplaunch").read_bytes(), 0o755)
    # Not below /etc: what is changed by commands must not be dpkg's, which would ask at each upgrade
    write(tree / "opt" / "shoplaunch" / "shoplaunch.toml", SETTINGS.encode())
    (tree / "etc" / "shoplaunch").mkdir(parents=True)
    for unit in sorted((*UNITS.glob("*.service"), *UNITS.glob("*.timer"))):
        write(tree / "usr" / "lib" / "systemd" / "system" / unit.name, unit.read_bytes())
    share = tree / "usr" / "share"
    # Systems may leave out documents, and this is run
    for path in sorted((*UNITS.glob("local-panel.*"), *HERE.glob("*.sh"))):
        write(share / "shoplaunch" / path.name, path.read_bytes())
    manual = said(sys.executable, str(HERE / "manual.py")) + "\n"
    write(share / "man" / "man1" / "shoplaunch.1.gz", gzip.compress(manual.encode(), mtime=0))
    write(share / "bash-completion" / "completions" / "shoplaunch", _completion().encode())
    write(share / "doc" / "shoplaunch" / "copyright", (PROJECT / "LICENSE").read_bytes())
    for page in (PROJECT / "controller" / "OPERATING.md", PROJECT / "CHANGELOG.md"):
        write(share / "doc" / "shoplaunch" / f"{page.name}.gz", gzip.compress(page.read_bytes(), mtime=0))
    for folder in EXAMPLES:
        for path in sorted((PROJECT / "packaging" / folder).glob("*")):
            if path.is_file():
                write(share / "doc" / "shoplaunch" / "examples" / folder / path.name, path.read_bytes())


def _describe(tree: Path, version: str, architecture: str) -> None:
    """Write what dpkg reads: the description, the scripts, the digests."""
    installed = sorted(path for path in tree.rglob("*") if path.is_file())
    # Each version's own, whatever it shares with another: what runs from the former one does until it is restarted
    lock = (tree / "opt" / "shoplaunch" / "requirements.lock").read_bytes()
    environment = hashlib.sha256(version.encode() + lock).hexdigest()[:16]
    values = {
        "VERSION": version, "ARCHITECTURE": architecture, "ENVIRONMENT": environment, "PYTHONS": " ".join(PYTHONS),
        "OLDEST": PYTHONS[0], "NEXT": f"3.{int(PYTHONS[-1].split('.')[1]) + 1}",
        "SIZE": str(sum(path.stat().st_size for path in installed) // 1024),
    }  # fmt: skip
    for name in ("control", *SCRIPTS):
        text = re.sub("@([A-Z]+)@", lambda found: values[found[1]], (HERE / name).read_text("utf-8"))
        write(tree / "DEBIAN" / name, text.encode(), 0o755 if name in SCRIPTS else 0o644)
    write(tree / "DEBIAN" / "triggers", b"interest-noawait /usr/bin/python3\n")
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in installed]  # noqa: S324
    write(tree / "DEBIAN" / "md5sums", "".join(sums).encode())
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (*tree.rglob("*"), tree):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (moment, moment))


def _completion() -> str:
    environment = {**os.environ, "_SHOPLAUNCH_COMPLETE": "bash_source"}
    return subprocess.run(
        [Path(sys.executable).with_name("shoplaunch")], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
