"""A test run says what it left out and why: each reason once, with how many tests it kept from running."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.shops.real_shop import HINT

PROJECT = Path(__file__).resolve().parents[3]


def test_a_reason_for_skipping_is_reported_once_for_all_tests_it_concerns():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOPLAUNCH_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/integration/real_prestashop"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    skipped = re.search(r"(\d+) skipped", done.stdout)[1]
    assert done.stdout.count(HINT) == 1, done.stdout
    assert f"SKIPPED [{skipped}] {HINT}" in done.stdout
