"""What packages and images are made of: wheels named by digest, our own wheel, the moment of the commit."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
#: What was fetched for one artefact serves the others.
FETCHED = PROJECT / "build" / "wheels"
#: With the packages of [engine] kind = "celery": one artefact serves every kind.
LOCK = PROJECT / "requirements-celery.lock"
#: With those that `traces_url` needs.
TRACES_LOCK = PROJECT / "requirements-traces.lock"
VENDOR_LOCK = PROJECT / "packaging" / "agent" / "vendor.txt"
#: Debian 12 has the oldest C library of the systems served, 2.36: wheels made for it or an older one run on each.
C_LIBRARIES = range(36, 16, -1)
#: What makes our own wheel.
TOOLS = HERE / "tools.lock"
#: Not so in an unpacked archive, whose package names no commit.
IS_CLONE = (PROJECT / ".git").exists()
#: The first moment that the members of a wheel can have.
OLDEST_EPOCH = "315532800"
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]


def set_moment() -> None:
    """Let everything be of the commit's moment: the same commit gives the same bytes."""
    os.umask(0o022)
    os.environ.setdefault("SOURCE_DATE_EPOCH", git("log", "-1", "--format=%ct") if IS_CLONE else OLDEST_EPOCH)


def version() -> str:
    """Return the version, which rises with each commit."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    of_commit = ["log", "-1", "--format=+%cd.%h", "--date=format:%Y%m%d%H%M%S", "--abbrev=8"]
    return str(project["version"]) + (git(*of_commit) if IS_CLONE else "")


def lay_out(work: Path, folder: Path, *pythons: str, machine: str | None = None) -> None:
    """Put wheels, the agent's libraries and the list of their digests into `folder`, for `pythons`, such as 3.13.

    `machine` is what they run on, in the words of `uname -m`; without it, one like this.
    """
    locks = (LOCK, TRACES_LOCK)
    for lock in locks:
        for python in pythons:
            shutil.copytree(
                _fetched("wheels", lock, _suitable(python, machine or platform.machine())),
                folder / "wheels",
                dirs_exist_ok=True,
            )
    shutil.copytree(_fetched("vendor", VENDOR_LOCK), folder / "vendor")
    wheel = _own_wheel(work, folder / "wheels")
    digest = sha256(wheel)
    name, number = wheel.name.split("-")[:2]
    text = f"{_merged(locks)}{name}=={number} --hash=sha256:{digest}\n"
    write(folder / "requirements.lock", text.encode())


def _merged(locks: Iterable[Path]) -> str:
    """Return the entries of several lock files, each library once: their versions are the same."""
    entries: dict[str, str] = {}
    for lock in locks:
        for entry in re.findall(r"^[a-z0-9.-]+==.*(?:\n    --hash=.*)+\n", lock.read_text("utf-8"), re.MULTILINE):
            name, version = entry.split()[0].split("==")
            if entries.setdefault(name, entry).split()[0] != f"{name}=={version}":
                raise SystemExit(f"{lock.name} names another version of {name}")
    return "".join(entries.values())


def agents_libraries() -> list[Path]:
    """Return the wheels of the libraries that the agent carries."""
    return sorted(_fetched("vendor", VENDOR_LOCK).glob("*.whl"))


def _fetched(kind: str, lock: Path, options: Iterable[str] = ()) -> Path:
    """Return a folder with the wheels that `lock` names, chosen by pip's `options`; each is fetched once."""
    # pip judges a condition by its own Python, and here it fetches for others
    text = re.sub(r" ; [^\\\n]*", " ", lock.read_text("utf-8"))
    folder = FETCHED / f"{kind}-{hashlib.sha256((text + ' '.join(options)).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        new = FETCHED / f".{kind}-{os.getpid()}"
        shutil.rmtree(new, ignore_errors=True)
        named = new.with_suffix(".lock")
        write(named, text.encode())
        pip = [*_PIP, "download", "--quiet", "--require-hashes", "--only-binary=:all:", "--no-deps"]
        subprocess.run([*pip, *options, "-r", named, "-d", new], check=True, stdout=2)
        named.unlink()
        for path in new.iterdir():
            path.chmod(0o644)
        new.rename(folder)
    return folder


def _suitable(python: str, machine: str) -> list[str]:
    """Return what makes pip fetch wheels for `python` and `machine`, whatever it runs with and on itself."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in C_LIBRARIES] + [f"manylinux2014_{machine}"]
    return ["--python-version", python, "--implementation", "cp", *(f"--platform={one}" for one in platforms)]


def _own_wheel(work: Path, output: Path) -> Path:
    """Build our own wheel into `output`."""
    source, tools = work / "source", work / "tools"
    _copy_of_project(source)
    subprocess.run([*_PIP, "install", "-q", "--require-hashes", "--target", tools, "-r", TOOLS], check=True, stdout=2)
    # Else it names each file three times
    quiet = '{"--global-option": ["--quiet"]}'
    code = f"import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1], {quiet})"
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
        (target / "controller" / "commit.txt").write_text(git("rev-parse", "HEAD") + "\n")


def _sources() -> list[Path]:
    """Return the files our own wheel is made of."""
    return files_of("agent", "controller", "shared", "packaging/agent", "LICENSE", "pyproject.toml")


def files_of(*wanted: str) -> list[Path]:
    """Return the project's files at and below `wanted`: in a clone, what git does not ignore."""
    if IS_CLONE:
        names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *wanted).split("\0")
        return sorted(PROJECT / name for name in set(names) if (PROJECT / name).is_file())
    found = [path for name in wanted for path in (PROJECT / name, *(PROJECT / name).rglob("*"))]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file of an artefact, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def write_checksum(path: Path) -> None:
    """Write the digest of `path` beside it, as `sha256sum --check` reads it."""
    path.with_name(f"{path.name}.sha256").write_text(f"{sha256(path)}  {path.name}\n")


def sha256(path: Path) -> str:
    """Return the digest of `path`."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(*arguments: str) -> str:
    """Return what git says about the project."""
    return said("git", "-C", str(PROJECT), *arguments)


def said(*command: str) -> str:
    """Return what `command` says. Raises where it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
