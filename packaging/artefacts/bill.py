"""The bill of materials of an artefact, in CycloneDX: every wheel it carries, with digest and licence."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote


def bill_of(
    wheels: Iterable[Path], version: str, others: Iterable[dict[str, Any]] = (), name: str = "shoplaunch"
) -> str:
    """Return the bill, in JSON, of `version` of an artefact with these wheels and others; same parts, same text."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    # The same library may be there for several Pythons, and for the agent in another version
    parts = (*map(_component, sorted(wheels)), *others)
    components = {component["bom-ref"]: component for component in parts}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": {"type": "application", "name": name, "version": version, "bom-ref": "package"},
        },
        "components": [components[name] for name in sorted(components)],
        "dependencies": [{"ref": "package", "dependsOn": sorted(components)}],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def system_packages(status: str) -> list[dict[str, Any]]:
    """Return the parts that Debian's packages are, from the text of dpkg's file of their states."""
    found = []
    for stanza in status.split("\n\n"):
        about = HeaderParser().parsestr(stanza)
        if about["Package"] and about["Status"] == "install ok installed":
            address = (
                f"pkg:deb/debian/{about['Package']}@{quote(about['Version'], safe='')}?arch={about['Architecture']}"
            )
            name, version = about["Package"], about["Version"]
            found.append({"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address})
    return found


def _component(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [one for one in archive.namelist() if one.count("/") == 1 and one.endswith(".dist-info/METADATA")]
        about = HeaderParser().parsestr(archive.read(path).decode("utf-8"))
    name = about["Name"].lower().replace("_", "-")
    address = f"pkg:pypi/{name}@{about['Version']}?file_name={quote(wheel.name, safe='')}"
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": about["Name"],
        "version": about["Version"],
        "purl": address,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
    }
    if about["License-Expression"]:
        found["licenses"] = [{"expression": about["License-Expression"]}]
    elif about["License"] and "\n" not in about["License"]:
        found["licenses"] = [{"license": {"name": about["License"]}}]
    return found
