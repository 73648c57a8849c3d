"""Fuzzes every target for a while: python -m tests.fuzzing.run FOLDER TARGET… [libFuzzer's options]."""

import json
import os
import random
import sys
from pathlib import Path

import atheris

#: What is watched while it runs: new ways through these are looked for.
WATCHED = ["agent", "shared", "controller", "zipfile", "json"]
#: What a part of a JSON document is replaced by.
NASTY = [
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "\0", "\ud800", "\u202e", "a" * 5000, "../..", "http://[", "https://a:99999/", "https://a:b@c/",
    "@@SL1a2b3c4d:domain:raw@@", [], {}, [[[[]]]], {"": {}}, "٣", "\n",
]  # fmt: skip


def parts_of(document):
    """Yield (container, key) of every part of a JSON document."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            yield one, key
            waiting.append(one[key])


def mutated_document(data, size, seed, mutate=None):
    """Return the JSON document `data` with one part changed, or with bytes changed as libFuzzer does."""
    chance = random.Random(seed)
    try:
        document = json.loads(data)
        parts = list(parts_of(document))
    except (ValueError, RecursionError):
        parts = []
    if not parts or chance.random() < 0.4:
        return (mutate or atheris.Mutate)(data, size)
    container, key = chance.choice(parts)
    other, other_key = chance.choice(parts)
    alike = [one for one in NASTY if type(one) is type(container[key])]
    replacement = chance.choice(alike if alike and chance.random() < 0.5 else [other[other_key], *NASTY])
    way = chance.random()
    if way < 0.15 and isinstance(container, dict):
        del container[key]
    elif way < 0.25 and isinstance(container, dict):
        container[chance.choice(["x", "format", "kind", str(other_key)])] = replacement
    elif way < 0.35 and isinstance(container, list):
        container *= 2
    else:
        container[key] = replacement
    try:
        return json.dumps(document).encode()[:size]
    except (ValueError, RecursionError):
        return data


def main():
    """Fuzz one target after the other; FOLDER/TARGET holds what was tried, `log`, and `status`, not 0 for a finding."""
    folder = Path(sys.argv[1])
    names = [word for word in sys.argv[2:] if word[0] != "-"]
    with atheris.instrument_imports(include=WATCHED):
        # Here and not above: what is imported before is not watched
        from shared.errors import ShoplaunchError
        from tests.fuzzing.targets import TARGETS, WORDS
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS]
    (folder / "words").write_text("".join(lines))
    for name in names:
        target, seeds, is_json = TARGETS[name]
        (folder / name / "corpus").mkdir(parents=True)
        for number, seed in enumerate(seeds()):
            (folder / name / "corpus" / f"seed-{number}").write_bytes(seed)
        # libFuzzer ends its process; what was imported and watched once does for all
        child = os.fork()
        if child == 0:
            _fuzz(folder / name, target, is_json, ShoplaunchError)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (folder / name / "status").write_text(str(status))


def _fuzz(folder, target, is_json, refusal):
    def one(data):
        try:
            target(data)
        except refusal:
            return

    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    options = [word for word in sys.argv[2:] if word[0] == "-"]
    command = [
        sys.argv[0],
        str(folder / "corpus"),
        f"-dict={folder.parent}/words",
        *options,
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup(command, one, **({"custom_mutator": mutated_document} if is_json else {}))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
