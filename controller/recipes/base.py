"""What an application's recipe must tell: the packer about a template, the controller about orders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from controller.product_kind import SHOP
from shared.errors import ShoplaunchError

#: Formats of passwords: bcrypt, and the MD5 of the shop's own key followed by the password.
BCRYPT, MD5_COOKIE_KEY = "bcrypt", "md5_cookie_key"
#: A row of a query: bytes as the server sent them, None for NULL.
Row = tuple[bytes | None, ...]
#: Column -> value of one row of a table.
Cells = Mapping[str, bytes | None]


class TemplateDatabase(Protocol):
    """The template's database as a recipe reads it (`bundles.source.Source` is one)."""

    @property
    def tables(self) -> Mapping[str, Any]:
        """Table names; each value has `columns`, each of these a `name`."""

    def query(self, sql: str, params: Sequence[str | int] = ()) -> list[Row]:
        """Return the rows of a query."""


@dataclass(frozen=True)
class PackOptions:
    """What the operator said when packing. `domain` and `home` are None to find them out.

    `keep` and `leave_out` are patterns of paths below the root (`recipes.globs`): the first wins over all rules.
    """

    domain: str | None = None
    home: str | None = None
    keep_customers: bool = False
    keep: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Secret:
    """A secret the controller makes per job, in the format the application wants (manifest `secrets`)."""

    name: str
    format: str
    length: int = 0
    pair: str = ""
    prefix: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        document: dict[str, Any] = {"name": self.name, "format": self.format}
        document.update({key: getattr(self, key) for key in ("length", "pair", "prefix") if getattr(self, key)})
        return document


@dataclass(frozen=True)
class Replacement:
    """A byte string of the template and the value that takes its place wherever it stands as a whole.

    `kind` is "domain" (a host, or an address that begins with its scheme), "host" (a host that is none of the shop's
    where an address begins with it), "former" (a host that the template had before: it follows in rows alone and is
    not searched for), "path" (absolute), "email", "uri", "name" (of a database or its user) or "secret" (so long that
    anything may stand there): it decides what may stand beside it.
    `address` is the value that takes a host's place where an address of the shop begins with it,
    "" for the same everywhere.
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
    """A table no recipe knows in which `rows` have addresses or numbers of people in `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class TemplateFacts:
    """What inspection found out. `secrets` and `credentials` map a label to bytes that must never leave the packer.

    `unsearched` maps the label of what is not searched for in the finished bundle to the reason, `suspected` names
    the secrets that only their name makes secrets, `weak` are passwords that are words: they are searched for only
    where they stand as passwords near one of `credentials_of`, the names of their user and database.
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
    #: What it is to its client.
    noun: str = SHOP


@dataclass(frozen=True)
class PhpNeeds:
    """Which PHP runs the application; `maximum` None means no known limit.

    `preferred` is the newest it was made for, where newer ones run it as well; None where `maximum` is meant.
    """

    minimum: str
    maximum: str | None
    extensions: tuple[str, ...]
    preferred: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the manifest's `requirements.php`."""
        preferred = {} if self.preferred is None else {"preferred": self.preferred}
        return {"min": self.minimum, "max": self.maximum, "extensions": list(self.extensions), **preferred}


class Template(ABC):
    """One inspected template. Everything it returns with placeholders is made for the `nonce` it was inspected with."""

    facts: TemplateFacts
    nonce: str
    #: Whether shops of it can be made below a folder of their domain: all that depends on it names `base_uri`,
    #: `base_path`, `shop.address` or `shop.url`.
    folders: ClassVar[bool] = False

    @abstractmethod
    def replacements(self) -> Sequence[Replacement]:
        """Return what is replaced wherever it occurs in text files and text columns."""

    @abstractmethod
    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry below the root (and all below it) is left out, None for what is packed."""

    def path(self, path: bytes) -> bytes:
        """Return a path below the root, or a relative link target, as a template."""
        return path

    @abstractmethod
    def file(self, path: bytes, content: bytes) -> bytes | None:
        """Return the complete template of a file the recipe knows; None when it is rewritten like any text."""

    def added(self) -> Mapping[bytes, bytes]:
        """Return path -> template of files that a new shop needs and the tree does not have."""
        return {}

    def warnings(self, path: bytes, content: bytes) -> Sequence[str]:
        """Return sentences for the operator about a file that is packed but may not do in a new shop."""
        return ()

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the rows to keep: "" for all, None to keep the table empty."""
        return ""

    def goes_on(self, table: str) -> bool:
        """Tell whether an emptied table goes on counting where the template's ended; it starts anew otherwise."""
        return False

    @abstractmethod
    def cells(self, table: str, row: Cells) -> Cells:
        """Return the columns of a row the recipe sets itself, as templates; the others are rewritten like any text."""

    def configure(self) -> Sequence[Mapping[str, Any]]:
        """Return the statements run after the data (manifest.json#/definitions/statement)."""
        return ()

    @abstractmethod
    def secrets(self) -> Sequence[Secret]:
        """Return the secrets to make per job."""

    @abstractmethod
    def checks(self) -> Sequence[Mapping[str, Any]]:
        """Return the HTTP checks that show the shop lives (manifest `checks`)."""

    def jobs(self) -> Mapping[str, Any]:
        """Return statements and edits of the later job kinds (manifest `jobs`); a kind left out is refused."""
        return {}

    @abstractmethod
    def php(self) -> PhpNeeds:
        """Return the PHP the application needs."""

    @abstractmethod
    def entry_points(self) -> Sequence[str]:
        """Return the paths that move last."""

    def adjustments(self) -> Sequence[tuple[str, str]]:
        """Return (place, sentence) of what is set for a living shop and was a developer's or unfinished one's."""
        return ()

    def personal_data(self) -> Sequence[str]:
        """Return the places where the template's personal data remains."""
        return ()

    def people(self) -> Sequence[People]:
        """Return the tables that may be of people, and about which the operator has to decide."""
        return ()

    def notes(self) -> Sequence[str]:
        """Return sentences for the operator about the template as a whole."""
        return ()

    def dropped(self) -> Sequence[Dropped]:
        """Return which rows are left out, and why."""
        return ()

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Return (table, statement) pairs that give a setting a value (a template), whether it is there or not.

        They may be carried out twice; the last reads the value back. Raises ShoplaunchError `variant_invalid` when
        every new shop has another value, for its safety or because it is its own.
        """
        raise ShoplaunchError("variant_invalid", "variants of this application have no settings, but rows and files")

    def owns(self, path: bytes) -> bool:
        """Tell whether `file` writes a file anew, whatever it held."""
        return False

    def languages(self) -> Sequence[str]:
        """Return the codes (two letters) an order's language must be one of; () when any will do."""
        return ()

    def currencies(self) -> Sequence[str]:
        """Return the codes an order's currency must be one of; () when any will do."""
        return ()

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return value name -> two values for trial loads, for values that choose among the template's rows."""
        return {}


class Recipe(ABC):
    """One application. Stateless."""

    name: ClassVar[str]
    #: Value name -> characters its columns take at most.
    limits: ClassVar[Mapping[str, int]] = {}

    @abstractmethod
    def detect(self, root: Path) -> bool:
        """Tell whether the tree at `root` is of this application, without reading its database."""

    @abstractmethod
    def inspect(self, root: Path, database: TemplateDatabase, options: PackOptions) -> Template:
        """Return the template at `root`, understood.

        Raises ShoplaunchError `not_this_application`, `unknown_version`, `config_unreadable`, `prefix_mismatch`,
        `domain_unknown`, `several_domains`, `multisite`, `admin_folder_unknown`, `admin_missing`.
        """

    def limits_of(self, version: str) -> Mapping[str, int]:
        """Return value name -> characters the columns of the application's `version` take at most."""
        return self.limits

    def password_format(self, version: str) -> str:
        """Return how the application's `version` keeps a password: a key of `password_formats.FORMATS`."""
        return BCRYPT

    @abstractmethod
    def new_admin_folder(self, choose: Callable[[str], str]) -> str:
        """Return the back office's folder in a new shop: a fresh name, or the one it always has.

        `choose` returns a random character of a text (secrets.choice).
        """
