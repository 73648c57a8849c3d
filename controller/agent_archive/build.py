"""Builds the agent: own sources, pinned libraries, their bytecode and the public keys in one reproducible zipapp."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from controller.agent_archive.bytecode import BYTECODE, code_names, compiled_modules
from controller.agent_archive.locations import PACKAGING, PROJECT, WHEELS
from controller.agent_archive.untyped import untyped
from controller.files import write_durably
from shared import installed
from shared.errors import ShoplaunchError

VENDOR_LIST = PACKAGING / "vendor.txt"
LAUNCHER = PACKAGING / "run"
#: Where the archive starts: every Python there is must understand it, so it is carried as it is.
MAIN = PACKAGING / "archive_main.py"
#: The oldest date a ZIP can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
PUBLIC_KEY_BYTES = 32
CATALOGUE = "error_codes.json"
#: Keys are a build's own; `installed` is filled into the catalogue before an agent carries it; the others describe what
#: agents neither read nor write.
_NOT_CARRIED = ("keys.json", "installed.py", "certificate.json", "agent-view.json")
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([0-9.]+) --hash=sha256:([0-9a-f]{64})$")
#: The member that lists the keys it trusts.
_KEYS = "agent/keys.json"
#: Nothing in it is secret; no other user may write it.
FILE_MODE = 0o644


def launcher() -> bytes:
    """Return the launcher script `run`."""
    return LAUNCHER.read_bytes()


def pins() -> dict[str, str]:
    """Return project name (as in vendor.txt) -> SHA-256 of its wheel."""
    matches = [_PIN.match(line) for line in VENDOR_LIST.read_text().splitlines() if line and not line.startswith("#")]
    if not all(matches):
        raise ShoplaunchError("vendor_digest", "vendor.txt holds a line without a version and digest")
    return {match[1]: match[3] for match in matches if match}


def fetch_wheels(folder: Path = WHEELS) -> list[Path]:
    """Return the pinned wheels; download into `folder` those that are missing.

    Raises ShoplaunchError `vendor_digest` when one differs from its pin, `agent_not_built` when a download fails.
    """
    wanted = pins()
    folder.mkdir(parents=True, exist_ok=True)
    present = _wheels_by_digest(folder)
    if not set(wanted.values()) <= set(present):
        _download(folder)
        present = _wheels_by_digest(folder)
    missing = sorted(name for name, digest in wanted.items() if digest not in present)
    if missing:
        raise ShoplaunchError("vendor_digest", f"not as pinned: {', '.join(missing)}")
    return [present[digest] for digest in wanted.values()]


def _wheels_by_digest(folder: Path) -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in sorted(folder.glob("*.whl"))}


def _download(folder: Path) -> None:
    # Downloaded under another name first: with several processes at work, none may find another's half-written wheel
    with tempfile.TemporaryDirectory(dir=folder) as new:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "-r", str(VENDOR_LIST), "-d", new]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            code = "vendor_digest" if "DO NOT MATCH THE HASHES" in done.stderr else "agent_not_built"
            last = ((done.stderr.strip() or done.stdout.strip()).splitlines() or ["pip failed"])[-1]
            raise ShoplaunchError(code, last[:300])
        for wheel in Path(new).glob("*.whl"):
            wheel.replace(folder / wheel.name)


def build_agent(
    output: Path, public_keys: Sequence[bytes], wheels: Sequence[Path] | None = None, pythons: Sequence[str] = ()
) -> str:
    """Write the agent to `output` and return its SHA-256; same inputs, same bytes.

    `public_keys` are the controller's Ed25519 keys, 32 bytes each, newest last; `pythons` the paths of interpreters to
    compile for in addition to the running one. Raises ShoplaunchError `config_invalid` for an invalid key and for a
    path that is not a Python; `vendor_digest`, `agent_not_built`.
    """
    if not public_keys or any(len(key) != PUBLIC_KEY_BYTES for key in public_keys):
        raise ShoplaunchError("config_invalid", "the agent needs at least one Ed25519 public key of 32 bytes")
    files = _own_files()
    files[_KEYS] = json.dumps({"keys": [key.hex() for key in public_keys]}).encode()
    for wheel in fetch_wheels() if wheels is None else wheels:
        files.update(_vendored(wheel))
    files.update(compiled_modules(files, [sys.executable, *pythons]))
    data = packed(files)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_durably(output, data, FILE_MODE)
    return hashlib.sha256(data).hexdigest()


def is_current(archive: zipfile.ZipFile, pythons: Sequence[str]) -> bool:
    """Return whether an agent was built from this version's sources and libraries and compiled for exactly this Python
    and `pythons` (paths), whatever its keys. Raises as `build_agent` for a path that is not a Python."""
    compiled = {name for name in archive.namelist() if name.startswith(f"{BYTECODE}/")}
    if compiled != code_names(pythons):
        return False
    wanted = _own_files()
    held = {name for name in archive.namelist() if name.startswith(("agent/", "shared/"))} - {_KEYS}
    return held <= set(wanted) <= set(archive.namelist()) and all(
        archive.read(name) == content for name, content in wanted.items()
    )


def trusts(agent: bytes, key: bytes) -> bool:
    """Return whether the agent's archive knows the public `key`; True also for one that cannot be read: it says that
    itself, where it is started."""
    try:
        with zipfile.ZipFile(io.BytesIO(agent)) as archive:
            return key.hex().encode() in archive.read(_KEYS)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError):
        return True


def _own_files() -> dict[str, bytes]:
    files = {"__main__.py": MAIN.read_bytes(), VENDOR_LIST.name: VENDOR_LIST.read_bytes()}
    for package in ("agent", "shared"):
        files.update(_sources(package))
    return files


def _sources(package: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name in the archive, content) of our own package, without the schemas' examples."""
    root = PROJECT / package
    for path in root.rglob("*"):
        name = path.relative_to(PROJECT)
        if path.suffix in (".py", ".json") and "examples" not in name.parts and path.name not in _NOT_CARRIED:
            content = path.read_bytes()
            yield name.as_posix(), _carried(path, content)


def _carried(path: Path, content: bytes) -> bytes:
    """Return the content of our own file `path` as the agent carries it."""
    if path.suffix == ".py":
        return untyped(content)
    return _in_english(content) if path.name == CATALOGUE else content


def _in_english(catalogue: bytes) -> bytes:
    """Return the catalogue of error codes with what the agent needs at its start: whether to retry, English advice."""
    document = json.loads(catalogue)
    for entry in document["codes"].values():
        # The same bytes from a clone and from a package, which may take turns over one state
        entry["advice"] = {"en": installed.filled(entry["advice"]["en"], "en", installed.CLONE)}
        del entry["title"]
        entry.pop("status", None)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _vendored(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the library's modules, unmodified, and its licence, without its tests."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, last = name.partition("/")
            if folder.endswith(".dist-info"):
                if "license" in last.lower():
                    yield f"licenses/{folder.removesuffix('.dist-info')}.txt", archive.read(name)
            elif name.endswith(".py") and not name.rpartition("/")[2].startswith("test_"):
                yield name, archive.read(name)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of `files` (name -> content); same files, same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            # Compressed members only take time to unpack; and a Python without zlib has to find the way back
            is_stored = name == "__main__.py" or name.startswith(f"{BYTECODE}/")
            entry.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def read_keys(path: Path) -> list[bytes]:
    """Return the public keys in `path`: one per line in hexadecimal, newest last; `#` begins a comment.

    Raises ShoplaunchError `config_invalid`.
    """
    lines = [line.split("#")[0].strip() for line in path.read_text("utf-8", "replace").splitlines()]
    try:
        keys = [bytes.fromhex(line) for line in lines if line]
    except ValueError:
        raise ShoplaunchError("config_invalid", f"{path} holds a line that is no hexadecimal key") from None
    if any(len(key) != PUBLIC_KEY_BYTES for key in keys):
        raise ShoplaunchError("config_invalid", f"{path} holds a key that is not 32 bytes long")
    return keys
