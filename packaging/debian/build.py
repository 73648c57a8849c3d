"""Builds the package of this system: `make deb`. Same commit, same release of the system: same bytes.

The package carries wheels of this release's Python, named by digest in the lock file, and no virtual environment: it is
made where the package is installed, from these wheels alone.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from bill import bill_of

from controller.setup.installation import SETTINGS

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
BUILD = PROJECT / "build" / "deb"
#: With the packages of [engine] kind = "celery": one package serves every kind.
LOCK = PROJECT / "requirements-celery.lock"
#: What makes our own wheel.
TOOLS = HERE / "tools.lock"
#: The system's own: whatever else is in the PATH is not there after an update of the system.
PYTHON = "/usr/bin/python3"
SCRIPTS = ("postinst", "prerm", "postrm")
UNITS = PROJECT / "packaging" / "systemd"
#: Folder of the package -> examples in it that an administrator copies from.
EXAMPLES = ("nginx", "caddy", "systemd", "monitoring", "clients")
#: Not so in an unpacked archive, whose package names no commit.
IS_CLONE = (PROJECT / ".git").exists()
#: The first moment that the members of a wheel can have.
OLDEST_EPOCH = "315532800"
#: The bill of materials, in the package and beside it.
BILL = Path("usr/share/doc/shoplaunch/sbom.cdx.json")
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]


def main() -> None:
    """Build the package and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=BUILD, help="the folder for the package")
    parser.add_argument("--version", help="instead of the commit's, for trying an upgrade")
    chosen = parser.parse_args()
    os.umask(0o022)
    os.environ.setdefault("SOURCE_DATE_EPOCH", _git("log", "-1", "--format=%ct") if IS_CLONE else OLDEST_EPOCH)
    print(build(chosen.output.resolve(), chosen.version or version()))


def version() -> str:
    """Return the package's version: it rises with each commit, and says for which release of the system it is."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    of_commit = ["log", "-1", "--format=+%cd.%h", "--date=format:%Y%m%d%H%M%S", "--abbrev=8"]
    system = platform.freedesktop_os_release()
    commit = _git(*of_commit) if IS_CLONE else ""
    return f"{project['version']}{commit}~{system['ID']}{system.get('VERSION_ID', '')}"


def build(output: Path, version: str) -> Path:
    """Build the package of `version` into the folder `output` and return its path."""
    output.mkdir(parents=True, exist_ok=True)
    work = output / f"work-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        tree = work / "tree"
        _lay_out(work, tree)
        _write(tree / BILL, bill_of((tree / "opt" / "shoplaunch").glob("*/*.whl"), version).encode())
        architecture = _said("dpkg", "--print-architecture")
        _describe(tree, version, architecture)
        package = output / f"shoplaunch_{version}_{architecture}.deb"
        shutil.copyfile(tree / BILL, package.with_suffix(".cdx.json"))
        # Wheels are packed already; a compressor's threads would also show in the bytes
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, package], check=True, stdout=2)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        package.with_suffix(".deb.sha256").write_text(f"{digest}  {package.name}\n")
        return package
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _lay_out(work: Path, tree: Path) -> None:
    """Put everything the package installs below `tree`."""
    opt = tree / "opt" / "shoplaunch"
    shutil.copytree(_fetched("wheels", LOCK, "--python", PYTHON), opt / "wheels")
    shutil.copytree(_fetched("vendor", PROJECT / "packaging" / "agent" / "vendor.txt"), opt / "vendor")
    wheel = _own_wheel(work, opt / "wheels")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    name, number = wheel.name.split("-")[:2]
    _write(opt / "requirements.lock", f"{LOCK.read_text('utf-8')}{name}=={number} --hash=sha256:{digest}\n".encode())
    _write(tree / "usr" / "bin" / "shoplaunch", (HERE / "shoplaunch").read_bytes(), 0o755)
    _write(tree / "etc" / "shoplaunch" / "shoplaunch.toml", SETTINGS.encode())
    for unit in sorted((*UNITS.glob("*.service"), *UNITS.glob("*.timer"))):
        _write(tree / "usr" / "lib" / "systemd" / "system" / unit.name, unit.read_bytes())
    share = tree / "usr" / "share"
    manual = _said(sys.executable, str(HERE / "manual.py")) + "\n"
    _write(share / "man" / "man1" / "shoplaunch.1.gz", gzip.compress(manual.encode(), mtime=0))
    _write(share / "bash-completion" / "completions" / "shoplaunch", _completion().encode())
    _write(share / "doc" / "shoplaunch" / "copyright", (PROJECT / "LICENSE").read_bytes())
    for page in (PROJECT / "controller" / "OPERATING.md", PROJECT / "CHANGELOG.md"):
        _write(share / "doc" / "shoplaunch" / f"{page.name}.gz", gzip.compress(page.read_bytes(), mtime=0))
    for folder in EXAMPLES:
        for path in sorted((PROJECT / "packaging" / folder).glob("*")):
            if path.is_file() and path.suffix not in (".service", ".timer"):
                _write(share / "doc" / "shoplaunch" / "examples" / folder / path.name, path.read_bytes())


def _fetched(kind: str, lock: Path, *options: str) -> Path:
    """Return a folder with the wheels that `lock` names for the system's Python; each lock file is fetched once."""
    wanted = hashlib.sha256(lock.read_bytes() + _said(PYTHON, "--version").encode()).hexdigest()[:16]
    folder = BUILD / f"{kind}-{wanted}"
    if not folder.is_dir():
        new = BUILD / f".{kind}-{os.getpid()}"
        shutil.rmtree(new, ignore_errors=True)
        command = [*_PIP, *options, "download", "--quiet", "--require-hashes", "--only-binary=:all:", "--no-deps"]
        subprocess.run([*command, "-r", lock, "-d", new], check=True, stdout=2)
        for path in new.iterdir():
            path.chmod(0o644)
        new.rename(folder)
    return folder


def _own_wheel(work: Path, output: Path) -> Path:
    """Build our own wheel into `output`."""
    source, tools = work / "source", work / "tools"
    _copy_of_project(source)
    subprocess.run([*_PIP, "install", "-q", "--require-hashes", "--target", tools, "-r", TOOLS], check=True, stdout=2)
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code, output], cwd=source, env=environment, check=True, stdout=2)
    (wheel,) = output.glob("shoplaunch-*.whl")
    wheel.chmod(0o644)
    return wheel


def _copy_of_project(target: Path) -> None:
    for path in _sources():
        copy = target / path.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if IS_CLONE:
        (target / "controller" / "commit.txt").write_text(_git("rev-parse", "HEAD") + "\n")


def _sources() -> list[Path]:
    """Return the files our own wheel is made of: in a clone, what git does not ignore."""
    wanted = ("agent", "controller", "shared", "packaging/agent", "LICENSE", "pyproject.toml")
    if IS_CLONE:
        names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *wanted).split("\0")
        return sorted(PROJECT / name for name in set(names) if (PROJECT / name).is_file())
    found = [path for name in wanted for path in (PROJECT / name, *(PROJECT / name).rglob("*"))]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _describe(tree: Path, version: str, architecture: str) -> None:
    """Write what dpkg reads: the description, the scripts, the files that are settings, the digests."""
    installed = sorted(path for path in tree.rglob("*") if path.is_file())
    minor = _said(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    # Each version's own, whatever it shares with another: what runs from the former one does until it is restarted
    lock = (tree / "opt" / "shoplaunch" / "requirements.lock").read_bytes()
    environment = hashlib.sha256(version.encode() + lock).hexdigest()[:16]
    values = {
        "VERSION": version, "ARCHITECTURE": architecture, "PYTHON": minor, "ENVIRONMENT": environment,
        "NEXT": f"{minor.split('.')[0]}.{int(minor.split('.')[1]) + 1}",
        "SIZE": str(sum(path.stat().st_size for path in installed) // 1024),
    }  # fmt: skip
    for name in ("control", *SCRIPTS):
        text = re.sub("@([A-Z]+)@", lambda found: values[found[1]], (HERE / name).read_text("utf-8"))
        _write(tree / "DEBIAN" / name, text.encode(), 0o755 if name in SCRIPTS else 0o644)
    _write(tree / "DEBIAN" / "conffiles", b"/etc/shoplaunch/shoplaunch.toml\n")
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in installed]  # noqa: S324
    _write(tree / "DEBIAN" / "md5sums", "".join(sums).encode())
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


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _git(*arguments: str) -> str:
    return _said("git", "-C", str(PROJECT), *arguments)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main()
