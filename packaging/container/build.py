"""Builds the container's image: `make image`. Same commit, same base: same files.

`--base` names the image it is built on; the default is Debian's. The image, its digest and its bill of materials go to
build/image, as an archive that `podman load` and `docker load` read.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "artefacts"))

from bill import bill_of, system_packages
from material import PROJECT, lay_out, said, set_moment, version, write_checksum

HERE = Path(__file__).resolve().parent
BUILD = PROJECT / "build" / "image"
BASE = "docker.io/library/debian:13-slim"
#: The Python of Debian 13, whichever this machine has.
PYTHON = "3.13"
#: What Debian's packages are, in every image made of them.
_STATUS = "var/lib/dpkg/status"
_COPIED = ("Containerfile", "needs", "healthy")


def main() -> None:
    """Build the image and print where it is, or where its material is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default=BASE, help=f"the image it is built on ({BASE})")
    parser.add_argument("--tag", default="localhost/shoplaunch:latest", help="its name")
    parser.add_argument("--output", type=Path, default=BUILD, help="the folder for archive, digest and bill")
    parser.add_argument("--material", action="store_true", help="lay out the material alone, for another builder")
    chosen = parser.parse_args()
    set_moment()
    output = chosen.output.resolve()
    context = lay_out_context(output)
    print(context if chosen.material else build(context, chosen.base, chosen.tag, output))


def lay_out_context(output: Path) -> Path:
    """Return the folder that an image is built from, made anew."""
    context, work = output / "context", output / f"work-{os.getpid()}"
    shutil.rmtree(context, ignore_errors=True)
    try:
        lay_out(work, context / "shoplaunch", PYTHON)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for name in _COPIED:
        shutil.copyfile(HERE / name, context / name)
        (context / name).chmod(0o644 if name == "Containerfile" else 0o755)
    return context


def build(context: Path, base: str, tag: str, output: Path) -> Path:
    """Build the image from `context`; return its archive."""
    buildah = ["buildah", *shlex.split(os.environ.get("BUILDAH_STORAGE", ""))]
    moment = os.environ["SOURCE_DATE_EPOCH"]
    subprocess.run(
        [
            *buildah, "build", *_limits(), "--format=docker", f"--timestamp={moment}", f"--build-arg=BASE={base}",
            f"--build-arg=SOURCE_DATE_EPOCH={moment}", f"--tag={tag}", context,
        ],
        check=True,
        stdout=2,
    )  # fmt: skip
    archive = output / f"shoplaunch_{version()}_{said('dpkg', '--print-architecture')}.tar"
    pushed = output / f".{archive.name}"
    pushed.unlink(missing_ok=True)
    subprocess.run([*buildah, "push", "-q", tag, f"docker-archive:{pushed}:{tag}"], check=True, stdout=2)
    _settle(pushed, archive)
    pushed.unlink()
    bill = bill_of((context / "shoplaunch").glob("*/*.whl"), version(), system_packages(_file_of(archive, _STATUS)))
    archive.with_suffix(".cdx.json").write_text(bill, "utf-8")
    write_checksum(archive)
    return archive


def _limits() -> list[str]:
    """Return what keeps a build within this process' limits: buildah's own may be above, and then nothing starts."""
    known = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    hard = {name: resource.getrlimit(number)[1] for name, number in known.items()}
    return [f"--ulimit={name}={most}:{most}" for name, most in hard.items() if most != resource.RLIM_INFINITY]


def _settle(pushed: Path, archive: Path) -> None:
    """Write the image `pushed` without the names of the container that was its workshop: they differ each time."""
    with tarfile.open(pushed) as whole, tarfile.open(archive, "w") as settled:
        (about,) = json.load(_opened(whole, "manifest.json"))
        config = json.load(_opened(whole, about["Config"]))
        config.pop("container", None)
        for name in ("config", "container_config"):
            config.get(name, {}).pop("Hostname", None)
        content = json.dumps(config, sort_keys=True).encode()
        about["Config"] = f"{hashlib.sha256(content).hexdigest()}.json"
        for layer in dict.fromkeys(about["Layers"]):
            member = tarfile.TarInfo(layer)
            member.size = whole.getmember(layer).size
            settled.addfile(member, _opened(whole, layer))
        for name, text in ((about["Config"], content), ("manifest.json", json.dumps([about]).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            settled.addfile(member, io.BytesIO(text))


def _file_of(archive: Path, name: str) -> str:
    """Return the text of a file in the image: the last layer's that has it."""
    with tarfile.open(archive) as whole:
        (about,) = json.load(_opened(whole, "manifest.json"))
        for layer in reversed(about["Layers"]):
            with tarfile.open(fileobj=_opened(whole, layer)) as files:
                found = [one for one in files.getnames() if one.removeprefix("./") == name]
                if found:
                    return _opened(files, found[0]).read().decode("utf-8")
    raise SystemExit(f"the image has no {name}")


def _opened(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise SystemExit(f"{name} is no file")
    return found


if __name__ == "__main__":
    main()
