"""The licences of what the agent carries are named, library by library, as its archives say them themselves."""

import re
import zipfile

from controller.agent_archive.build import fetch_wheels
from tests.pages import PROJECT

PACKAGING = PROJECT / "packaging"


def carried(text):
    """Return library -> version, as a list of pinned ones has it."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, re.M))


def table(text):
    """Return library -> (version, licence), as the page's table of them has it."""
    rows = text[text.index("| library | version | licence |") :].split("\n\n")[0]
    found = re.findall(r"^\| ([\w.-]+) \| ([^|]+?) \| ([^|]+?) \|$", rows, re.M)[1:]
    return {name: (version, licence) for name, version, licence in found}


def said(metadata):
    """Return (library, version, licence) as an archive's metadata has them; the licence in the page's words."""
    fields = dict(re.findall(r"^(Name|Version|License|License-Expression): (.+)$", metadata.split("\n\n")[0], re.M))
    licence = fields.get("License-Expression") or fields["License"]
    return fields["Name"], fields["Version"], licence.replace("BSD-", "BSD ")


def metadata_of(wheel):
    """Return the metadata of an archive from the index."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode("utf-8")


def page():
    return table((PACKAGING / "README.md").read_text("utf-8"))


def test_the_page_names_every_library_that_the_agent_carries_and_its_version():
    libraries = carried((PACKAGING / "agent" / "vendor.txt").read_text("utf-8"))
    assert libraries and {name: version for name, (version, _licence) in page().items()} == libraries


def test_the_page_has_each_librarys_licence_as_its_archive_says_it():
    found = [said(metadata_of(wheel)) for wheel in fetch_wheels()]
    assert {name: (version, licence) for name, version, licence in found} == page()


def test_a_library_without_a_licence_and_one_that_is_carried_no_more_are_seen():
    text = "x\n\n| library | version | licence |\n|---|---|---|\n| six | 1.1 | MIT |\n| old | 2 | BSD 3-Clause |\n\n"
    text += "| more | rows | below |\n"
    assert table(text) == {"six": ("1.1", "MIT"), "old": ("2", "BSD 3-Clause")}
    assert carried("# six==0\nsix==1.17.0 --hash=sha256:ab\nnew==2\n") == {"six": "1.17.0", "new": "2"}


def test_a_licence_is_read_from_either_field_and_from_no_description():
    head = "Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n"
    assert said(f"{head}License: MIT\n\nLicense: GPL\n") == ("six", "1.17.0", "MIT")
    assert said(f"{head}License-Expression: BSD-3-Clause\nLicense: see there\n") == ("six", "1.17.0", "BSD 3-Clause")
