"""The README tells what to do on every error code, in the words of shared/error_codes.json."""

import re
from pathlib import Path

from shared.errors import CODES

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")


def test_the_readme_has_one_row_for_each_error_code_with_its_advice():
    told = re.findall(r"^\| `(\w+)` \| (yes|no) \| (.*) \|$", README, re.M)
    known = [
        (code, "yes" if entry["retryable"] else "no", entry["advice"]["en"].replace("|", "\\|"))
        for code, entry in CODES.items()
    ]
    assert told == known
