"""Makes the compiler's plan from a recipe's template: the rewriter handles what the recipe does not set itself."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.bundles.packing_report import BlankedComment, PackingReport
from controller.bundles.residue.findings import CREDENTIAL, DOMAIN, PATH, PEOPLE, SECRET, SUSPECTED, Finding, Place
from controller.bundles.review.known_forms import KnownForms
from controller.bundles.review.passwords import Passwords
from controller.bundles.rewrite import searched
from controller.bundles.rewrite.contexts.examples import is_example
from controller.bundles.rewrite.contexts.links import is_theme_code, root_links
from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.proportion import Proportion
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.rewriter import Rewriter
from controller.bundles.source.database.snapshot import BINARY, TEXT, Source, Table
from controller.bundles.source.servers.connections import Row
from controller.bundles.source.tree.walk import Tree
from controller.product_kind import SHOP
from controller.recipes.base import PackOptions, People, Recipe, Replacement, Template
from controller.recipes.location.held_root import named
from controller.recipes.password_formats import FORMATS
from controller.recipes.registry import recipe_for
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from controller.bundles.pack.plan import RecipeParts
    from shared.documents import Statement

_OF_TEMPLATE = " of the template"


def make_plan(
    tree: Tree, source: Source, recipe: str | None = None, options: PackOptions | None = None
) -> TemplatePlan:
    """Return the plan of the template in `tree` with database `source`; `recipe` names one, None detects it.

    Raises ShoplaunchError `not_this_application`, `unknown_version`, `config_unreadable`, `prefix_mismatch`,
    `prefix_unknown`, `domain_unknown`, `several_domains`, `multisite`, `admin_folder_unknown`, `admin_missing`,
    `tree_unreadable`, `recipe_invalid`.
    """
    root = tree.held
    try:
        chosen = recipe_for(root, recipe)
        template = chosen.inspect(root, source, options or PackOptions())
        _require_sound(chosen, template)
        return TemplatePlan(template, chosen.name, root)
    except OSError as problem:
        if problem.filename is None:
            raise
        place = named(root, os.fsdecode(problem.filename))
        raise ShoplaunchError("tree_unreadable", f"{place}: {problem.strerror}") from problem
    except ShoplaunchError as problem:
        problem.message = named(root, problem.message)
        problem.args = tuple(named(root, str(one)) for one in problem.args)
        raise


def _require_sound(recipe: Recipe, template: Template) -> None:
    """Raise ShoplaunchError `recipe_invalid` for errors that would show only at an order, or make a proof worthless."""
    kind = recipe.password_format(template.facts.version)
    if kind not in FORMATS:
        raise ShoplaunchError("recipe_invalid", f"no format of passwords is {kind!r}; known: {', '.join(FORMATS)}")
    checks = template.checks()
    if not checks or checks[0]["path"] != "/":
        raise ShoplaunchError("recipe_invalid", "the first check must visit the front page, /")


@dataclass(frozen=True)
class Seen:
    """What a plan collects: the report, fragments by name, files the recipe wrote, how often it set which
    column, the replacements in program files, and which secrets were blanked in comments.
    """

    report: Report
    fragments: Mapping[str, bytes]
    whole_files: Sequence[str]
    set_cells: Counter[str]
    proportion: Proportion
    noticed: Sequence[Finding]
    blanked: Sequence[Finding]


class TemplatePlan:
    """A `Plan` (controller.bundles.pack.plan): the recipe's template and one rewriter for all of it."""

    def __init__(self, template: Template, recipe: str, root: Path | None = None) -> None:
        self._template = template
        self._root = root or Path(template.facts.root)
        self.nonce = template.nonce
        facts = template.facts
        noun = {} if facts.noun == SHOP else {"noun": facts.noun}
        self.application: Mapping[str, str] = {
            "name": facts.application, "version": facts.version, "recipe": recipe, **noun,
        }  # fmt: skip
        self._report = Report()
        self._fragments = Fragments(self.nonce)
        self._replacements = list(template.replacements())
        #: Only such templates' links from the domain's root are known to be links into the shop.
        self._is_at_root = template.folders and facts.base_uri == "/"
        self._rewriter = Rewriter(
            self.nonce, self._replacements, self._fragments, self._report,
            root_links=self._is_at_root, holds=self._holds,
        )  # fmt: skip
        self._columns: dict[str, tuple[list[str], list[int]]] = {}
        self._set: Counter[str] = Counter()
        self._whole_files: list[str] = []
        self._proportion = Proportion()
        self._passwords = Passwords(facts.weak, facts.credentials_of)
        labelled = {f"secret {label}": value for label, value in facts.secrets.items()}
        self._forms = KnownForms(labelled.values(), labelled, {f"secret {label}" for label in facts.suspected})
        self._noticed: list[Finding] = []
        self._blanked: list[Finding] = []

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out, None for one that is packed."""
        return self._template.left_out(path, is_directory)

    def path(self, path: bytes) -> bytes:
        """Return a path or link target as a template."""
        shown = path.decode("utf-8", "replace")
        self._noticed += self._forms.in_name(path)
        return self._rewriter.rewrite_text(self._template.path(path), f"name of {shown}")

    def file(self, path: bytes, content: bytes) -> bytes:
        """Return a file's content as a template; the same object when nothing in it depends on the account."""
        shown = path.decode("utf-8", "replace")
        for sentence in self._template.warnings(path, content):
            self._report.note(shown, sentence)
        own = self._template.file(path, content)
        if own is not None:
            self._whole_files.append(shown)
        else:
            self._noticed += self._passwords.in_file(path, content)
        searched = self._forms.in_file(path, content if own is None else own)
        self._noticed += searched.findings
        self._blanked += searched.blanked
        self._report.needles.clear()
        template = self._rewriter.rewrite_file(searched.content, shown, is_example(path))
        self._proportion.saw(path, self._report.needles)
        if self._is_at_root and is_theme_code(path, self._template.themes):
            self._report.count_from_root(shown, root_links(template))
        return template

    def added(self) -> Mapping[bytes, bytes]:
        """Return path -> template of files that are packed although they are not in the tree."""
        added, written = {}, self.settings_written()
        for path, template in self._template.added().items():
            shown = path.decode("utf-8", "replace")
            # Settings are named before all else
            if not any(shown in said for said in written):
                self._report.note(shown, "written anew: the template has none, and needs one")
            added[path] = self._rewriter.rewrite_file(template, shown, is_example(path))
        return added

    def condition(self, table: str) -> str | None:
        """Return the condition of the rows to pack."""
        return self._template.condition(table)

    def goes_on(self, table: str) -> bool:
        """Return whether an emptied table continues its counter."""
        return self._template.goes_on(table)

    def row(self, table: Table, row: Row) -> Row:
        """Return a row with its cells as templates; the same object when nothing changed."""
        names, texts = self._columns_of(table)
        own = self.cells(table, row)
        cells = list(row)
        for column, template in own.items():
            cells[names.index(column)] = template
            self._set[f"{table.name}.{column}"] += 1
        packed = [(names[place], cell) for place in texts if (cell := cells[place])]
        self._forms.add_row(table, row, packed)
        for place in texts:
            cell = cells[place]
            if cell and names[place] not in own:
                cells[place] = self._rewriter.rewrite_text(cell, f"{table.name}.{names[place]}")
        # Equal cells are the same here, and compared quickly
        return row if cells == list(row) else tuple(cells)

    def cells(self, table: Table, row: Row) -> Mapping[str, bytes | None]:
        """Return column -> template of the cells the recipe sets; values it changed in part are also rewritten."""
        columns = dict(zip(self._columns_of(table)[0], row, strict=True))
        return {
            column: None if own is None else self._rewriter.rewrite_text(own, f"{table.name}.{column}")
            for column, own in self._template.cells(table.name, columns).items()
        }

    def _columns_of(self, table: Table) -> tuple[list[str], list[int]]:
        """Return the names of a table's stored columns, and the positions of those that hold text."""
        if table.name not in self._columns:
            names = [column.name for column in table.stored]
            texts = [place for place, column in enumerate(table.stored) if column.kind in TEXT | BINARY]
            self._columns[table.name] = (names, texts)
        return self._columns[table.name]

    def text(self, value: bytes, place: str) -> bytes:
        """Return any other text of a shop as a template."""
        return self._rewriter.rewrite_text(value, place)

    def table(self, name: str) -> str:
        """Return the full name of a table."""
        return self._template.facts.table_prefix + name

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Statement]]:
        """Return (table, statement) pairs that set a setting to a value."""
        return self._template.setting(name, value)

    def owns(self, path: bytes) -> bool:
        """Return whether a file is written anew, whatever its content."""
        return self._template.owns(path)

    def fragments(self) -> Mapping[str, bytes]:
        """Return the fragments made so far."""
        return self._fragments.templates()

    def configure(self) -> Sequence[Statement]:
        """Return the statements run after the data."""
        return self._template.configure()

    def manifest(self) -> RecipeParts:
        """Return the manifest's parts that only the recipe knows."""
        template = self._template
        return {
            "secrets": [secret.as_json() for secret in template.secrets()],
            "entry_points": list(template.entry_points()),
            "checks": list(template.checks()),
            "jobs": dict(template.jobs()),
            "php": template.php().as_json(),
            "personal_data": list(template.personal_data()),
            "folders": template.folders,
            "residue": self._residue(),
        }

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return values for the two trial loads, for names whose made-up values would not show what depends on them."""
        return self._template.probes()

    def forbidden(self) -> Mapping[str, bytes]:
        """Return label -> bytes that must not occur in the bundle: secrets, credentials, domain, paths."""
        facts = self._template.facts
        places = {f"{label}{_OF_TEMPLATE}": needle for label, needle in self._needles().items()}
        secret = {f"secret {label}": value for label, value in facts.secrets.items()}
        access = {f"{label}{_OF_TEMPLATE}": value for label, value in facts.credentials.items()}
        return {**places, **secret, **access, **self._spoken()}

    def needles(self) -> Mapping[str, bytes]:
        """Return label -> bytes of all that is forbidden, and of the plan's own needles."""
        return {**{f"secret {label}": value for label, value in self._template.facts.weak.items()}, **self.forbidden()}

    def kinds(self) -> Mapping[str, str]:
        """Return label -> kind of the forbidden texts (controller.bundles.residue.findings)."""
        facts = self._template.facts
        found = dict.fromkeys((f"secret {label}" for label in facts.weak), SUSPECTED)
        for label in self.forbidden():
            if label.startswith("secret "):
                found[label] = SUSPECTED if label.removeprefix("secret ") in facts.suspected else SECRET
            elif label.removesuffix(_OF_TEMPLATE) in facts.credentials:
                found[label] = CREDENTIAL
            else:
                found[label] = DOMAIN if label.startswith("domain") else PATH
        return found | dict.fromkeys(self._spoken(), SECRET)

    def noticed(self) -> Sequence[Finding]:
        """Return the findings made while files were read."""
        return [*self._in_files_and_rows(), *map(_of_people, self._template.people())]

    def people(self) -> Mapping[str, Sequence[str]]:
        """Return table -> the columns that may hold personal data."""
        return {one.table: one.columns for one in self._template.people()}

    def _in_files_and_rows(self) -> list[Finding]:
        return [*self._noticed, *self._forms.in_rows()]

    def _spoken(self) -> dict[str, bytes]:
        """Return label -> passwords that are words, in the form they have in URLs: after their user's name."""
        facts = self._template.facts
        return {
            f"secret {label} in an address": b"%b:%b@" % (name, value)
            for label, value in facts.weak.items() if value
            for name in facts.credentials_of[-1:]
        }  # fmt: skip

    def unsearched(self) -> Mapping[str, str]:
        """Return label -> reason of needles for which the bundle is not searched, or not everywhere."""
        narrowed = {
            one.old.decode("utf-8", "replace"): "only next to a delimiter: it is part of other names, too"
            for one in self._searched_for()
            if self._searched(one) != [one.old]
        }
        return {**self._template.facts.unsearched, **narrowed}

    def report(self) -> PackingReport:
        """Return which parts were rewritten, seen but not rewritten, set by the recipe, and dropped."""
        made: PackingReport = {}
        if written := self.settings_written():
            made["settings_written"] = list(written)
        made["rewriting"] = self._report.as_json()
        made["set"] = dict(sorted(self._set.items()))
        made["replaced_files"] = sorted(self._whole_files)
        dropped = self._template.dropped()
        made["dropped"] = [{"table": one.table, "rows": one.rows, "reason": one.reason} for one in dropped]
        if blanked := _blanked(self._blanked):
            made["blanked_comments"] = blanked
        if adjusted := self._template.adjustments():
            made["living_shop"] = dict(adjusted)
        if notes := self._template.notes():
            made["notes"] = list(notes)
        if languages := self._template.languages():
            made["languages"] = list(languages)
        if currencies := self._template.currencies():
            made["currencies"] = list(currencies)
        return made

    def settings_written(self) -> Sequence[str]:
        """Return what the template lacks of its settings, and is written for new shops."""
        return self._template.written_settings()

    def branch(self) -> TemplatePlan:
        """Return a plan of the same template with nothing collected yet."""
        return TemplatePlan(self._template, self.application["recipe"], self._root)

    def seen(self) -> Seen:
        """Return what was collected so far."""
        fragments = dict(self._fragments.templates())
        return Seen(
            self._report, fragments, self._whole_files, self._set, self._proportion, self._in_files_and_rows(),
            self._blanked,
        )  # fmt: skip

    def absorb(self, seen: object) -> None:
        """Add what a branch has collected."""
        assert isinstance(seen, Seen)
        self._report.absorb(seen.report)
        self._fragments.absorb(seen.fragments)
        self._whole_files += seen.whole_files
        self._set += seen.set_cells
        self._noticed += seen.noticed
        self._blanked += seen.blanked
        self._proportion.absorb(seen.proportion)

    def require_plausible(self) -> None:
        """Raise ShoplaunchError `needle_too_common` when a replaced needle cannot be the template's alone."""
        self._proportion.require_plausible()

    def _residue(self) -> list[bytes]:
        return list(self._needles().values())

    def _holds(self, path: bytes) -> bool:
        """Return whether the path exists below the template's root."""
        return os.path.lexists(os.path.join(os.fsencode(self._root), path))  # noqa: PTH118 - bytes paths

    def _needles(self) -> dict[str, bytes]:
        """Return label -> bytes that no file and no table may hold afterwards."""
        found: dict[str, bytes] = {}
        for one in self._searched_for():
            label = "domain" if one.kind == "domain" else one.value
            for needle in self._searched(one):
                number = sum(known.partition(" (")[0] == label for known in found) + 1
                found[label if number == 1 else f"{label} ({number})"] = needle
        return found

    def _searched_for(self) -> list[Replacement]:
        return searched.uncovered(self._replacements)

    def _searched(self, one: Replacement) -> list[bytes]:
        """Return `one` itself, or narrower spellings if it stays as part of something else."""
        return searched.needles_of(one, self._report.left)


def _of_people(one: People) -> Finding:
    rows = f"{one.rows} rows with values in {', '.join(one.columns)}"
    return Finding(PEOPLE, Place(one.table), PEOPLE, rows)


def _blanked(found: Sequence[Finding]) -> list[BlankedComment]:
    """Return file, line, form and masked value of each blanked secret; a file read twice is listed once."""
    entries = sorted({(one.place, one.what, one.shown) for one in found})
    return [{**place.as_json(), "what": what, "shown": shown} for place, what, shown in entries]
