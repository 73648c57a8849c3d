"""Builds what is neither package nor image: the addon's archive, the client's, and the agent's bill: `make sbom`.

Beside each lie its digest and its bill of materials (CycloneDX). Same commit, same bytes. The agent itself is built by
each installation, with its own keys in it; everything else in it is what its bill names.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "artefacts"))

from bill import bill_of
from material import PROJECT, agents_libraries, files_of, set_moment, sha256, version, write_checksum

BUILD = PROJECT / "build" / "artefacts"
#: Archive -> folder of which it is made, and the name of that folder within.
ARCHIVES = {
    "shoplaunch-addon": ("packaging/whmcs/modules", "modules"),
    "shoplaunch-client": ("packaging/clients", "shoplaunch-client"),
}
AGENT = ("agent", "shared", "packaging/agent")


def main() -> None:
    """Build everything and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=BUILD, help="the folder they are built into")
    output = parser.parse_args().output.resolve()
    set_moment()
    output.mkdir(parents=True, exist_ok=True)
    for name, (folder, inside) in ARCHIVES.items():
        print(_archive(output / f"{name}_{version()}.zip", name, PROJECT / folder, inside))
    bill = output / f"shoplaunch-agent_{version()}.cdx.json"
    bill.write_text(
        bill_of(agents_libraries(), version(), _parts(files_of(*AGENT), PROJECT), "shoplaunch-agent"), "utf-8"
    )
    write_checksum(bill)
    print(bill)


def _archive(target: Path, name: str, folder: Path, inside: str) -> Path:
    """Write the files of `folder` into an archive, unpacked, so that no compressor's version shows; return its path."""
    moment = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    found = files_of(str(folder.relative_to(PROJECT)))
    with zipfile.ZipFile(target, "w") as archive:
        for path in found:
            member = zipfile.ZipInfo(f"{inside}/{path.relative_to(folder)}", moment)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, path.read_bytes())
    target.with_suffix(".cdx.json").write_text(bill_of((), version(), _parts(found, folder), name), "utf-8")
    write_checksum(target)
    return target


def _parts(found: Iterable[Path], folder: Path) -> list[dict[str, Any]]:
    """Return the files as parts of a bill."""
    return [
        {
            "type": "file", "bom-ref": f"file:{path.relative_to(folder)}", "name": str(path.relative_to(folder)),
            "hashes": [{"alg": "SHA-256", "content": sha256(path)}],
        }
        for path in found
    ]  # fmt: skip


if __name__ == "__main__":
    main()
