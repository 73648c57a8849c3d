"""The recipe of PrestaShop 1.6, 1.7, 8 and 9."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from controller.recipes.base import (
    BCRYPT,
    MD5_COOKIE_KEY,
    PackOptions,
    PhpNeeds,
    Recipe,
    Replacement,
    Secret,
    Template,
    TemplateDatabase,
    TemplateFacts,
)
from controller.recipes.inspected import InspectedTemplate
from controller.recipes.living import opened
from controller.recipes.location import hosts
from controller.recipes.location.paths import home_in, home_of, roots_of
from controller.recipes.prestashop import living, settings_file
from controller.recipes.prestashop.database import settings
from controller.recipes.prestashop.database.queries import Database, require_same_release
from controller.recipes.prestashop.database.rows import RowRules
from controller.recipes.prestashop.database.statements import Statements
from controller.recipes.prestashop.facts import KNOWN, Series, series_of
from controller.recipes.prestashop.files.htaccess import OwnBlock, split
from controller.recipes.prestashop.files.tree import TreeRules, find_admin_folder, former_roots
from controller.recipes.prestashop.php_versions import php_of
from controller.recipes.prestashop.settings_file import SettingsFile
from controller.recipes.prestashop.storefront.checks import checks_of, lacking
from controller.recipes.secrets.known import KEPT, KnownSecrets
from controller.recipes.secrets.tables import secrets_of
from controller.recipes.template_location import Replacements, is_no_word, nonce_of, unsearched
from controller.recipes.tree import missing_files
from controller.recipes.tree.htaccess import HTACCESS, OwnersRules, in_folder, is_htaccess
from shared.errors import ShoplaunchError
from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import Statement

_DIGITS = "0123456789"
_LETTERS = "abcdefghijkmnpqrstuvwxyz"
ROBOTS = b"robots.txt"
#: Loads the libraries that version control often leaves to Composer.
_AUTOLOADER = "config/autoload.php"
DATABASE_ACCESS = "database_password"
_PASSWORDS = "customers' passwords count with the template's key alone: in a new shop each asks for a new one"
_LEADS_NOWHERE = "a link that leads nowhere: the settings are written in its place"


class PrestaShop(Recipe):
    """The recipe. Other series are lines in `prestashop.facts`."""

    name: ClassVar[str] = "prestashop"
    #: The limits of PrestaShop's columns.
    limits: ClassVar[Mapping[str, int]] = {
        "shop.name": 64, "shop.email": 255, "admin.email": 255, "admin.first_name": 255, "admin.last_name": 255,
    }  # fmt: skip

    def detect(self, root: Path) -> bool:
        """Return whether the tree at `root` is a PrestaShop of any version."""
        return settings_file.is_prestashop(root)

    def inspect(self, root: Path, database: TemplateDatabase, options: PackOptions) -> Template:
        """Return the inspected template at `root`. Raises as `Recipe.inspect`."""
        if not self.detect(root):
            raise ShoplaunchError("not_this_application", f"{root} is not a PrestaShop")
        version = settings_file.release_of(root, database, options.table_prefix)
        series = series_of(version) if version else None
        if version is None or series is None:
            raise ShoplaunchError("unknown_version", f"PrestaShop {version or 'of unknown version'}; known: {KNOWN}")
        found = settings_file.find(root, version, series, database, options.table_prefix)
        return PrestaShopTemplate(root, version, series, found, database, options)

    def password_format(self, version: str) -> str:
        """Return how shops of `version` store an employee's password."""
        series = series_of(version)
        return series.password_format if series else BCRYPT

    def new_admin_folder(self, choose: Callable[[str], str]) -> str:
        """Return a name as PrestaShop 8 makes it: never just `admin`, which the login page would rename."""
        digits = "".join(choose(_DIGITS) for _ in range(3))
        return f"admin{digits}" + "".join(choose(_LETTERS + _DIGITS) for _ in range(12))


class PrestaShopTemplate(InspectedTemplate):
    """One inspected PrestaShop."""

    folders = True
    themes = b"themes/"
    _rows: RowRules
    _statements: Statements
    _tree: TreeRules

    def __init__(
        self,
        root: Path,
        version: str,
        series: Series,
        found: SettingsFile,
        database: TemplateDatabase,
        options: PackOptions,
    ) -> None:
        self._series = series
        self._settings_file = found
        self._notes = list(found.notes)
        self._configuration = configuration = found.configuration
        self._database = Database(database, configuration.prefix)
        self._hosts, base_uri = self._address(options)
        if not hosts.are_one_site(self._hosts):
            self._notes += [f"addresses of the same shop, all become the new one's: {', '.join(self._hosts)}"]
        self._admin = self._database.administrator()
        self._settings = self._database.settings()
        require_same_release(version, self._settings.get("PS_VERSION_DB", ""))
        admin_folder = find_admin_folder(root, options)
        former = former_roots(root, series, self._settings.values(), base_uri.rstrip("/"))
        self._roots = list(dict.fromkeys([*roots_of(root), *former]))
        self.nonce = nonce_of(version, self._hosts[0], base_uri, self._roots[0])
        self._rows = RowRules(self._database, self._admin, self.nonce, options.keep_customers, self._hosts)
        self.facts = self._facts(version, base_uri, admin_folder, options.home)
        self._homes = list(dict.fromkeys(filter(None, [self.facts.home, *map(home_in, former)])))
        names = [name for host in self._hosts for name in hosts.names_of(host)]
        self._owners_rules = OwnersRules(names, base_uri, self.nonce)
        self._own_block = OwnBlock(tuple(map(int, version.split("."))), self._settings, self.nonce)
        self._has_rules = (root / ".htaccess").is_file()
        self._adjustments = living.adjustments(root, self._settings, configuration.values)
        self._adjustments += settings.encrypted(self._database.all_settings())
        in_use = self._database.folders_in_use()
        self._php = php_of(root, version, {one.removeprefix("modules/") for one in in_use if "modules/" in one})
        self._tree = TreeRules(root, series, admin_folder, options, in_use)
        self._notes += self._more_notes(root, options, in_use)
        self._notes += lacking(self._database, root, self._settings, version)
        self._statements = Statements(self._database, self._admin, self.nonce, series.password_format)
        self._checks = checks_of(self._database, root, self._settings, series, self.nonce, version)

    def _more_notes(self, root: Path, options: PackOptions, in_use: Collection[str]) -> list[str]:
        """Return what kept customers cannot do, and which of the programs `in_use` load files that are missing."""
        loses = options.keep_customers and self._series.password_format == MD5_COOKIE_KEY
        modules = [one.removeprefix("modules/") for one in in_use if one.startswith("modules/")]
        programs = [_AUTOLOADER, *(f"modules/{one}/{one}.php" for one in modules)]
        return [*([_PASSWORDS] if loses else []), *missing_files.sentences(root, programs, self.left_out)]

    def replacements(self) -> Sequence[Replacement]:
        """Return domain, paths, e-mail addresses, and the base URI when the shop is in a folder."""
        found = Replacements()
        folder = self.facts.base_uri.rstrip("/")
        found.add_hosts(self._hosts, folder)
        # Media servers of this shop; new shops start without them
        found.add_hosts(settings.media_servers(self._settings), folder)
        for host, below in settings.former_addresses(self._settings):
            found.add_former(host, below or folder)
        found.add_paths(self._roots, self._homes)
        if folder:
            found.add(self.facts.base_uri, "base_uri", "uri")
        found.add(self._settings.get("PS_SHOP_EMAIL", ""), "shop.email", "email")
        found.add(self._admin.email, "admin.email", "email")
        found.add_access(self.facts.credentials)
        for value, name in settings.numbers_remade(self._settings):
            found.add(value, name, "secret")
        return found.all()

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out, None for one that is packed."""
        is_replaced = self._settings_file.is_absent and path == self._configuration.path.encode()
        return _LEADS_NOWHERE if is_replaced else super().left_out(path, is_directory)

    def path(self, path: bytes) -> bytes:
        """Return a path or relative link target with the back office's folder as a placeholder."""
        folder = str(self.facts.admin_folder).encode("utf-8")
        parts = path.split(b"/")
        first = next((i for i, part in enumerate(parts) if part not in (b"..", b".")), 0)
        if parts[first] == folder:
            parts[first] = token(self.nonce, "admin_folder")
        return b"/".join(parts)

    def file(self, path: bytes, content: bytes) -> bytes | None:
        """Return the complete template of a configuration file, or a file with the back office's folder filled in."""
        if path == self._configuration.path.encode():
            return self._configuration.template(self.nonce)
        stub = self._configuration.stubs.get(path)
        if stub is not None:
            return None if content.strip() == stub.strip() else stub
        if path == HTACCESS:
            return self._own_block.put_into(opened(path, content).content, self._owners)
        if is_htaccess(path):
            plain = opened(path, content).content
            own = self._owners_rules.template(path, plain, self._with_names)
            return own if own is not None or plain == content else plain
        return self._with_names(content) if path == ROBOTS else living.file(path, content)

    def added(self) -> Mapping[bytes, bytes]:
        """Return what is missing: settings, the web server's rules if needed, guards of folders that are made."""
        own = {**self._settings_file.added, **self._tree.guards}
        if self._settings_file.is_absent:
            own[self._configuration.path.encode()] = self._configuration.template(self.nonce)
        if self._has_rules or not self._own_block.is_needed:
            return own
        return {HTACCESS: self._own_block.put_into(b"", self._owners), **own}

    def written_settings(self) -> Sequence[str]:
        """Return what the tree lacked of its settings."""
        return self._settings_file.written

    def warnings(self, path: bytes, content: bytes) -> Sequence[str]:
        """Return sentences about the changed lines of a `.htaccess`, and about what the owner's may do."""
        if not is_htaccess(path):
            return ()
        plain = opened(path, content)
        if path != HTACCESS:
            return [*plain.notes, *self._owners_rules.warnings(path, plain.content)]
        before, _, after = split(plain.content)
        said = [*self._owners_rules.warnings(path, before + after), *self._own_block.warnings(plain.content)]
        return [*plain.notes, *said]

    def adjustments(self) -> Sequence[tuple[str, str]]:
        """Return the development settings that were changed for a live shop."""
        return self._adjustments

    def goes_on(self, table: str) -> bool:
        """Return whether an emptied table continues its counter."""
        return self._rows.goes_on(table)

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Statement]]:
        """Return the statements that set a setting to a value, for all shops and languages."""
        # The database accepts either spelling for the same setting
        if settings.template_of(name.upper(), value.encode("utf-8"), self.nonce) != value.encode("utf-8"):
            raise ShoplaunchError("variant_invalid", "a new shop begins with a safe value, or one of its own")
        return self._statements.setting(name, value)

    def owns(self, path: bytes) -> bool:
        """Return whether a file is the configuration, which is written anew."""
        return path == self._configuration.path.encode() or path in self._configuration.stubs

    def secrets(self) -> Sequence[Secret]:
        """Return the configuration's keys and the settings that are made anew."""
        found = {secret.name: secret for secret in self._configuration.secrets()}
        for name, value in self._settings.items():
            secret = settings.remade(name, value.encode("utf-8"))
            if secret is not None:
                found[secret.name] = secret
        return list(found.values())

    def php(self) -> PhpNeeds:
        """Return the PHP versions of this release and its modules."""
        return self._php

    def personal_data(self) -> Sequence[str]:
        """Return the places where personal data remains."""
        own = {self._settings.get("PS_SHOP_EMAIL", "").lower(), self._admin.email.lower(), *self._hosts}
        return [*self._rows.personal_data(), *self._rows.strangers(own)]

    def languages(self) -> Sequence[str]:
        """Return the codes of the active languages, the shop's own first."""
        return self._statements.order_languages

    def currencies(self) -> Sequence[str]:
        """Return the codes of the active currencies."""
        return self._statements.currencies()

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return languages and countries of the template, so that the two trials select different ones."""
        return self._statements.probes()

    def _address(self, options: PackOptions) -> tuple[list[str], str]:
        try:
            found, base_uri = self._database.address()
        except ShoplaunchError as problem:
            if problem.code != "domain_unknown" or not options.domain:
                raise
            found, base_uri = [], "/"
        if options.domain:
            found = list(dict.fromkeys([hosts.plain(options.domain), *found]))
        return found, base_uri

    def _facts(self, version: str, base_uri: str, admin_folder: str, home: str | None) -> TemplateFacts:
        """Return what is known of the template and what the packer searches for."""
        secrets, credentials = self._secrets(), self._credentials()
        return TemplateFacts(
            application="prestashop",
            version=version,
            domain=self._hosts[0],
            base_uri=base_uri,
            root=self._roots[0],
            home=home or home_of(self._roots[0]),
            table_prefix=self._configuration.prefix,
            admin_folder=admin_folder,
            secrets=secrets.searched(),
            credentials={label: value for label, value in credentials.items() if is_no_word(value)},
            unsearched=self._unsearched(secrets, credentials),
            suspected=secrets.suspected(),
            weak={label: value for label, value in secrets.weak().items() if label == DATABASE_ACCESS},
            credentials_of=tuple(filter(None, credentials.values())),
        )

    def _secrets(self) -> KnownSecrets:
        found = KnownSecrets()
        for label, value in self._configuration.secret_values().items():
            found.add(label, value)
        for label, held in self._configuration.more_secrets():
            found.add_held(label, held)
        for name, text in self._database.all_settings():
            found.add_held(name, settings.secrets_in(name, text))
        for table, column in (("webservice_account", "key"), ("employee", "passwd")):
            if table in self._database.tables:
                rows = self._database.rows(f"SELECT `{column}` FROM {{{table}}}")
                for number, row in enumerate(rows, 1):
                    found.add(f"{table}.{column} {number}", row[0].encode())
        found.add_places(secrets_of(self._database.template, self._rows.of_modules(), self._rows.condition))
        return found

    def _credentials(self) -> dict[str, bytes]:
        names = ("database_name", "database_user")
        found = {name: self._configuration.text(name).encode("utf-8", "surrogateescape") for name in names}
        return {name: value for name, value in found.items() if value}

    def _unsearched(self, secrets: KnownSecrets, credentials: Mapping[str, bytes]) -> dict[str, str]:
        """Return label -> reason of texts that are not searched for."""
        kept = sorted({name for name, text in self._database.all_settings() if settings.is_doubtful(name, text)})
        places = unsearched({}, credentials, self._roots)
        return secrets.unsearched(DATABASE_ACCESS) | places | {f"setting {name}": KEPT for name in kept}

    def _owners(self, content: bytes) -> bytes:
        """Return the owner's lines of the document root's `.htaccess` as a template."""
        return self._owners_rules.template(HTACCESS, content, self._with_names) or content

    def _with_names(self, content: bytes) -> bytes | None:
        folder = re.escape(str(self.facts.admin_folder).encode("utf-8"))
        filled = re.sub(rb"(?<![\w-])" + folder + rb"(?![\w-])", token(self.nonce, "admin_folder"), content)
        filled = in_folder(filled, self.facts.base_uri, self.nonce)
        return None if filled == content else filled
