"""Defines a recipe's interface: facts about a template for the packer, and about orders for the controller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from controller.product_kind import SHOP
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared import documents
    from shared.documents import Check, FollowUp, Php, Statement

#: Password formats: bcrypt, and the MD5 of the shop's own key followed by the password.
BCRYPT, MD5_COOKIE_KEY = "bcrypt", "md5_cookie_key"
#: A row of a query: bytes as the server sent them, None for NULL.
Row = tuple[bytes | None, ...]
#: Column -> value of one row of a table.
Cells = Mapping[str, bytes | None]


class TemplateDatabase(Protocol):
    """The template's database as a recipe reads it (`bundles.source.Source` is one)."""

    @property
    def tables(self) -> Mapping[str, Any]:
        """Return the tables by name; each has `columns`, and each of these a `name`."""

    def query(self, sql: str, params: Sequence[str | int] = ()) -> list[Row]:
        """Return the rows of a query."""


@dataclass(frozen=True)
class PackOptions:
    """The operator's options for packing. `domain` and `home` are None to detect them.

    `keep` and `leave_out` are patterns of paths below the root (`recipes.tree.globs`): the first overrides all rules.
    `table_prefix` is the beginning of the tables' names; None for what the tree says, or the database's only one.
    """

    domain: str | None = None
    home: str | None = None
    keep_customers: bool = False
    keep: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    table_prefix: str | None = None


@dataclass(frozen=True)
class Secret:
    """A secret that the controller makes per job, in the application's format (manifest `secrets`)."""

    name: str
    format: str
    length: int = 0
    pair: str = ""
    prefix: str = ""

    def as_json(self) -> documents.Secret:
        """Return the manifest's entry."""
        document: documents.Secret = {"name": self.name, "format": self.format}
        if self.length:
            document["length"] = self.length
        if self.pair:
            document["pair"] = self.pair
        if self.prefix:
            document["prefix"] = self.prefix
        return document


@dataclass(frozen=True)
class Replacement:
    """A byte string of the template, and the value that replaces it wherever it stands as a whole.

    `kind` decides which neighbouring text is allowed: "domain" (a host, or an address that begins with its scheme),
    "host" (a host that does not belong to the shop where an address begins with it), "former" (an earlier host of the
    template: replaced in rows only, and not searched for), "path" (absolute), "email", "uri", "name" (of a database or
    its user) or "secret" (so long that any neighbours are allowed).
    `address` is the value for a host with which an address of the shop begins, "" for the same value everywhere.
    """

    old: bytes
    value: str
    kind: str
    address: str = ""


@dataclass(frozen=True)
class Dropped:
    """Rows left out: from which table, how many, and why (a sentence for the report)."""

    table: str
    rows: int
    reason: str


@dataclass(frozen=True)
class People:
    """A table unknown to the recipe, with `rows` that have addresses or phone numbers of people in `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class TemplateFacts:
    """The results of inspection. `secrets` and `credentials` map a label to bytes that must never leave the packer.

    `unsearched` maps the label of a text for which the finished bundle is not searched to the reason, `suspected` names
    the secrets recognised by their name only, `weak` are passwords that are common words: they are searched for only
    near one of `credentials_of`, the names of their user and database.
    """

    application: str
    version: str
    domain: str
    base_uri: str
    root: str
    home: str | None
    table_prefix: str
    admin_folder: str | None
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    unsearched: Mapping[str, str] = field(default_factory=dict)
    suspected: frozenset[str] = frozenset()
    weak: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    credentials_of: tuple[bytes, ...] = field(default=(), repr=False)
    #: The product kind in texts for the client.
    noun: str = SHOP


@dataclass(frozen=True)
class PhpNeeds:
    """The PHP versions that run the application; `maximum` None means no known limit.

    `preferred` is the newest version it was made for, if newer ones run it as well; None stands for `maximum`.
    """

    minimum: str
    maximum: str | None
    extensions: tuple[str, ...]
    preferred: str | None = None

    def as_json(self) -> Php:
        """Return the manifest's `requirements.php`."""
        found: Php = {"min": self.minimum, "max": self.maximum, "extensions": list(self.extensions)}
        if self.preferred is not None:
            found["preferred"] = self.preferred
        return found


class Template(ABC):
    """One inspected template. Its results with placeholders are made for the `nonce` it was inspected with."""

    facts: TemplateFacts
    nonce: str
    #: Whether it can become shops below a folder of their domain: all that depends on the folder names `base_uri`,
    #: `base_path`, `shop.address` or `shop.url`.
    folders: ClassVar[bool] = False
    #: The folder of the themes, with its slash; empty for none.
    themes: ClassVar[bytes] = b""

    @abstractmethod
    def replacements(self) -> Sequence[Replacement]:
        """Return the texts to replace wherever they occur in text files and text columns."""

    @abstractmethod
    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry below the root (and all below it) is left out, None for one that is packed."""

    def path(self, path: bytes) -> bytes:
        """Return a path below the root, or a relative link target, as a template."""
        return path

    @abstractmethod
    def file(self, path: bytes, content: bytes) -> bytes | None:
        """Return the complete template of a file the recipe knows; None for one that is rewritten like any text."""

    def added(self) -> Mapping[bytes, bytes]:
        """Return path -> template of files that a new shop needs but the tree does not have."""
        return {}

    def written_settings(self) -> Sequence[str]:
        """Return a sentence for each file of settings that the tree lacks and a new shop gets all the same."""
        return ()

    def warnings(self, path: bytes, content: bytes) -> Sequence[str]:
        """Return sentences for the operator about a file that is packed but may not work in a new shop."""
        return ()

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the rows to keep: "" for all, None to keep the table empty."""
        return ""

    def goes_on(self, table: str) -> bool:
        """Return whether an emptied table continues the template's counter; otherwise the counter starts anew."""
        return False

    @abstractmethod
    def cells(self, table: str, row: Cells) -> Cells:
        """Return the columns of a row that the recipe sets, as templates; the others are rewritten like any text."""

    def configure(self) -> Sequence[Statement]:
        """Return the statements run after the data (manifest.json#/definitions/statement)."""
        return ()

    @abstractmethod
    def secrets(self) -> Sequence[Secret]:
        """Return the secrets to make per job."""

    @abstractmethod
    def checks(self) -> Sequence[Check]:
        """Return the HTTP checks which show that the shop works (manifest `checks`)."""

    def jobs(self) -> Mapping[str, FollowUp]:
        """Return the statements and edits of follow-up jobs (manifest `jobs`); a kind left out is refused."""
        return {}

    @abstractmethod
    def php(self) -> PhpNeeds:
        """Return the PHP the application needs."""

    @abstractmethod
    def entry_points(self) -> Sequence[str]:
        """Return the paths to move last."""

    def adjustments(self) -> Sequence[tuple[str, str]]:
        """Return (place, sentence) for each development or unfinished setting that was changed for a live shop."""
        return ()

    def personal_data(self) -> Sequence[str]:
        """Return the places where personal data of the template remains."""
        return ()

    def people(self) -> Sequence[People]:
        """Return the tables that may hold personal data, about which the operator has to decide."""
        return ()

    def notes(self) -> Sequence[str]:
        """Return sentences for the operator about the template as a whole."""
        return ()

    def dropped(self) -> Sequence[Dropped]:
        """Return which rows are left out, and why."""
        return ()

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Statement]]:
        """Return (table, statement) pairs that set a setting to a value (a template), whether it exists or not.

        Running them twice is safe; the last reads the value back. Raises ShoplaunchError `variant_invalid` for settings
        whose value every new shop gets anew, for its safety or because it is the shop's own.
        """
        raise ShoplaunchError("variant_invalid", "variants of this application have no settings, but rows and files")

    def owns(self, path: bytes) -> bool:
        """Return whether `file` writes a file anew, whatever its content."""
        return False

    def languages(self) -> Sequence[str]:
        """Return the codes (two letters) from which an order's language must be; () when any is allowed."""
        return ()

    def currencies(self) -> Sequence[str]:
        """Return the codes from which an order's currency must be; () when any is allowed."""
        return ()

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return value name -> two values for trial loads, for values that select among the template's rows."""
        return {}


class Recipe(ABC):
    """One application. Stateless."""

    name: ClassVar[str]
    #: Value name -> the maximum number of characters in its columns.
    limits: ClassVar[Mapping[str, int]] = {}

    @abstractmethod
    def detect(self, root: Path) -> bool:
        """Return whether the tree at `root` is this application's, without reading its database."""

    @abstractmethod
    def inspect(self, root: Path, database: TemplateDatabase, options: PackOptions) -> Template:
        """Return the inspected template at `root`.

        Raises ShoplaunchError `not_this_application`, `unknown_version`, `config_unreadable`, `prefix_mismatch`,
        `prefix_unknown`, `domain_unknown`, `several_domains`, `multisite`, `admin_folder_unknown`, `admin_missing`.
        """

    def limits_of(self, version: str) -> Mapping[str, int]:
        """Return value name -> the maximum number of characters in the columns of the application's `version`."""
        return self.limits

    def password_format(self, version: str) -> str:
        """Return how the application's `version` stores a password: a key of `password_formats.FORMATS`."""
        return BCRYPT

    @abstractmethod
    def new_admin_folder(self, choose: Callable[[str], str]) -> str:
        """Return the back office's folder in a new shop: a fresh name, or the fixed one.

        `choose` returns a random character of a text (secrets.choice).
        """
