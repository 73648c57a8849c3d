"""The pages that are made from what they are about; `python -m tests.pages` writes them."""

import io
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from controller.settings import shown
from controller.wording.languages import ENGLISH, LANGUAGES
from shared.errors import CODES
from tests.attacks import catalogue
from tests.resume.faults.model import all_cases, pairwise, usual_cases
from tests.resume.faults.table import FAULTS, rows

PROJECT = Path(__file__).resolve().parent.parent
COMMAND = "make pages"
TRANSLATIONS = "controller/web/translations"
#: Language -> what pages say in it; people write the `.po` next to it.
CATALOGUES = {code: f"{TRANSLATIONS}/{code}/LC_MESSAGES/messages.mo" for code in LANGUAGES if code != ENGLISH}
_ERRORS = f"""\
# Every error code, and what to do

Written by `{COMMAND}` from `error_codes.json`, which has all of it in Persian, too. The command line, the operator's
pages and WHMCS show the advice beside the error; `shoplaunch errors CODE --language fa` shows one in Persian. What says
"yes" is tried again by itself first.

| code | what happened | tried again | what to do |
|---|---|---|---|
"""
_FAULTS = f"""\
# Faults: what happens to an agent, and what comes of it

Written by `{COMMAND}` from the tests of `tests/resume/`. Each fault comes while the agent is held at a stage:
preflight, in the middle of a shard of files or of a chunk of rows, before an index is made, configure, prove, switch,
report, cleanup. Meanwhile nobody, the whole process group, the parent or the helper is killed with SIGKILL; tables were
InnoDB's and MyISAM's in the template. Then ticks come, and the shop has to be that of an undisturbed restore: every
file with mode and time, every table's checksum, rows and indexes, each chunk once, the crontab, the home.

"""


def errors():
    """Return the text of shared/ERRORS.md."""
    lines = []
    for code, entry in CODES.items():
        advice = entry["advice"]["en"].replace("|", "\\|")
        lines.append(f"| `{code}` | {entry['title']['en']} | {'yes' if entry['retryable'] else 'no'} | {advice} |")
    return _ERRORS + "\n".join(lines) + "\n"


def faults():
    """Return the text of tests/resume/FAULTS.md."""
    everything, usual = all_cases(FAULTS), pairwise(usual_cases(FAULTS))
    pairs = [{(case.fault.name, case.moment) for case in cases} for cases in (everything, usual)]
    left = len(pairs[0] - pairs[1])
    said = (
        f"`make test TESTS=tests/resume/faults` runs {len(usual)} of the {len(everything)} crossings in three days,\n"
        f"a third of each fault's in one: every pair of two of these comes once, but for {left} of the\n"
        f"{len(pairs[0])} pairs of a fault and a moment, which with all the rest are for `make test-nightly`.\n"
        "Where files cannot be mounted as disks, what needs one is skipped.\n\n"
    )
    return _FAULTS + said + "\n".join(rows()) + "\n"


def operating():
    """Return the text of controller/OPERATING.md, with the table of all settings."""
    text = (PROJECT / "controller/OPERATING.md").read_text("utf-8")
    before, _, rest = text.partition(f"<!-- settings: written by `{COMMAND}` -->\n")
    return f"{before}<!-- settings: written by `{COMMAND}` -->\n{shown.page()}{rest[rest.index('<!-- end') :]}"


def compiled(language):
    """Return the bytes of a language's catalogue that pages read, of the text next to it."""
    made = io.BytesIO()
    with (PROJECT / CATALOGUES[language]).with_suffix(".po").open("rb") as stream:
        write_mo(made, read_po(stream, locale=language))
    return made.getvalue()


#: Path from the project -> what makes its text.
PAGES = {
    "shared/ERRORS.md": errors,
    "tests/resume/FAULTS.md": faults,
    "tests/attacks/ATTACKS.md": catalogue.page,
}
#: Of these, people write the rest.
PARTS = {"controller/OPERATING.md": operating}


if __name__ == "__main__":
    for path, text in {**PAGES, **PARTS}.items():
        (PROJECT / path).write_text(text(), "utf-8")
        print(f"{path} is written.")
    for language, path in CATALOGUES.items():
        (PROJECT / path).write_bytes(compiled(language))
        print(f"{path} is written.")
