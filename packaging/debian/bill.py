"""The bill of materials of a package, in CycloneDX: every wheel it carries, with digest and licence."""

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


def bill_of(wheels: Iterable[Path], version: str) -> str:
    """Return the bill, in JSON, of the package of `version` with these wheels; same wheels, same text."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    # The same library may be there for the agent and for the controller, in two versions
    components = {component["bom-ref"]: component for component in map(_component, sorted(wheels))}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": {"type": "application", "name": "shoplaunch", "version": version, "bom-ref": "package"},
        },
        "components": [components[name] for name in sorted(components)],
        "dependencies": [{"ref": "package", "dependsOn": sorted(components)}],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _component(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.count("/") == 1 and one.endswith(".dist-info/METADATA")]
        about = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    address = f"pkg:pypi/{about['Name'].lower().replace('_', '-')}@{about['Version']}"
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
