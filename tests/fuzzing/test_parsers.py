"""Whatever is fed to what reads manifests, bundles, jobs, events, dumps and values: a code or nothing, no crash."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="no atheris for this Python or processor: nothing is fuzzed")

from shared.errors import ShoplaunchError
from tests.fuzzing.run import NASTY, mutated_document, parts_of
from tests.fuzzing.targets import TARGETS

PROJECT = Path(__file__).resolve().parents[2]
NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
SECONDS = 180 if NIGHTLY else 2
#: libFuzzer ends a target that holds more; the modules alone are 100 MB.
MEMORY = 1024
#: Of one input: that long nothing takes, so it goes in circles.
HANGS = 300
OPTIONS = [f"-max_total_time={SECONDS}", f"-rss_limit_mb={MEMORY}", f"-timeout={HANGS}", "-max_len=20000"]
_DONE = re.compile(r"^Done (\d+) runs", re.MULTILINE)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """The folder in which every target was fuzzed."""
    folder = tmp_path_factory.mktemp("fuzzed")
    seed = [] if NIGHTLY else ["-seed=1"]
    subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.run", str(folder), *TARGETS, *OPTIONS, *seed], cwd=PROJECT, check=True
    )
    return folder


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("target", TARGETS)
def test_whatever_it_reads_a_parser_answers_with_a_code_and_within_bounds(target, fuzzed):
    said = (fuzzed / target / "log").read_text("utf-8", "replace")
    found = {path.name: path.read_bytes()[:2000] for path in (fuzzed / target).glob("*-*")}
    assert (fuzzed / target / "status").read_text() == "0", f"{said[-3000:]}\n{found}"
    assert int(_DONE.search(said).group(1)) > 100


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_fuzzed_begins_with_inputs_that_are_read_to_the_end(target):
    read, seeds, _ = TARGETS[target]
    good = 0
    for seed in seeds():
        try:
            read(seed)
            good += 1
        except ShoplaunchError:
            continue
    assert good


def test_documents_are_changed_part_by_part_and_stay_documents():
    document = json.dumps({"a": {"b": [1, "x"]}, "c": None}).encode()
    assert sorted(key for _, key in parts_of(json.loads(document)) if isinstance(key, str)) == ["a", "b", "c"]
    # Outside of libFuzzer its own way of changing bytes ends the process
    changed = {mutated_document(document, 1 << 20, seed, lambda data, _: data) for seed in range(300)}
    assert all(json.loads(one) is not None for one in changed)
    assert len(changed) > len(NASTY)
