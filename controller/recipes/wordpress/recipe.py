"""The recipe of WordPress, with or without WooCommerce."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from controller.product_kind import SHOP, SITE
from controller.recipes import template_location
from controller.recipes.base import (
    PackOptions,
    PhpNeeds,
    Recipe,
    Replacement,
    Secret,
    Template,
    TemplateDatabase,
    TemplateFacts,
)
from controller.recipes.customers import unknown_tables
from controller.recipes.customers.people import Own
from controller.recipes.inspected import InspectedTemplate
from controller.recipes.living import opened
from controller.recipes.location import hosts
from controller.recipes.location.evidence import ends_of_logs, former_roots
from controller.recipes.location.paths import home_in, home_of, roots_of
from controller.recipes.secrets.known import KnownSecrets
from controller.recipes.secrets.tables import secrets_of
from controller.recipes.tree import missing_files
from controller.recipes.tree.htaccess import HTACCESS, OwnersRules, is_htaccess
from controller.recipes.wordpress import facts, living, settings_file
from controller.recipes.wordpress.checks import checks_of, lacking
from controller.recipes.wordpress.database import options, tables
from controller.recipes.wordpress.database.queries import Database, address, former_addresses
from controller.recipes.wordpress.database.rows import RowRules
from controller.recipes.wordpress.database.statements import Statements
from controller.recipes.wordpress.files import config
from controller.recipes.wordpress.files.htaccess import OwnBlock
from controller.recipes.wordpress.files.tree import TreeRules
from controller.recipes.wordpress.languages import packs
from controller.recipes.wordpress.php_versions import active_plugins, needs_of, themes_of
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Statement

ADMIN_FOLDER = "wp-admin"
#: Characters of a user's name.
_NAME_LENGTH = 60
_LOGS = ("error_log", "wp-content/debug.log", "wp-content/advanced-cache.php", "wp-config.php")
_ACCESS = f"{config.CONFIG} {config.ACCESS}"
#: Options that no new site gets.
_PASSING = ("_transient_", "_site_transient_", "_wp_session_", "_wc_session_")
_SHOWN = 6
_LEADS_NOWHERE = "a link that leads nowhere: the settings are written in its place"
_TAKEN = f"part of {config.CONFIG}, which holds its content now"
#: A longer option is no address.
_LONGEST_OWN = 300
#: Set by every new site's own statements, or for its safety.
_NOT_FOR_VARIANTS = {*options.FROM_JOB, *options.FIXED, "WPLANG", "timezone_string", "active_plugins"}
_BELOW = (
    f": it lies in {{below}}/, below {config.CONFIG} (as in Bedrock); packing knows WordPress's files beside "
    f"{config.CONFIG} only: copy them there, with the content folder as wp-content, see that the copy runs, pack it"
)


class WordPress(Recipe):
    """The recipe. Other series are lines in `wordpress.facts`."""

    name: ClassVar[str] = "wordpress"
    #: The limits of WordPress's columns; both names share one.
    limits: ClassVar[Mapping[str, int]] = {
        "shop.name": 255, "admin.email": 100, "admin.first_name": 120, "admin.last_name": 120,
    }  # fmt: skip

    def detect(self, root: Path) -> bool:
        """Return whether the tree at `root` is a WordPress of any version, or has one in a folder of its own."""
        return _is_here(root) or _folder_below(root) is not None

    def inspect(self, root: Path, database: TemplateDatabase, options: PackOptions) -> Template:
        """Return the inspected template at `root`. Raises as `Recipe.inspect`."""
        if not _is_here(root):
            below = _folder_below(root)
            where = "" if below is None else _BELOW.format(below=below)
            raise ShoplaunchError("not_this_application", f"{root} is not a WordPress{where}")
        version = facts.find_version(root)
        if version is None or facts.series_of(version) is None:
            message = f"WordPress {version or 'of unknown version'}; known: {facts.KNOWN}"
            raise ShoplaunchError("unknown_version", message)
        return WordPressTemplate(root, version, database, options)

    def password_format(self, version: str) -> str:
        """Return how that version itself stores a password."""
        series = facts.series_of(version)
        return "phpass" if series is None else series.password_format

    def limits_of(self, version: str) -> Mapping[str, int]:
        """Return the limits of that version's columns."""
        return self.limits if facts.signs_in_by_email(version) else {**self.limits, "admin.email": _NAME_LENGTH}

    def new_admin_folder(self, choose: Callable[[str], str]) -> str:
        """Return WordPress's own folder: it is the same everywhere."""
        return ADMIN_FOLDER


def _is_here(root: Path) -> bool:
    return (root / facts.VERSION_FILE).is_file() and (root / "wp-load.php").is_file()


def _folder_below(root: Path) -> str | None:
    """Return the folder of a WordPress whose configuration is in `root`, one folder above it; None without one."""
    if not (root / config.CONFIG).is_file():
        return None
    return next((one.parent.name for one in sorted(root.glob("*/wp-load.php")) if _is_here(one.parent)), None)


class WordPressTemplate(InspectedTemplate):
    """One inspected WordPress."""

    folders = True
    themes = b"wp-content/themes/"
    _rows: RowRules
    _statements: Statements

    def __init__(self, root: Path, version: str, database: TemplateDatabase, pack: PackOptions) -> None:
        self._settings_file = settings_file.find(root, version, database, pack.table_prefix)
        self._configuration = configuration = self._settings_file.configuration
        self._notes = list(self._settings_file.notes)
        self._taken = {os.fsencode(path) for path in configuration.taken}
        self._database = Database(database, configuration.prefix)
        self._options = self._database.options()
        self._admin = self._database.administrator()
        host, self._folder = address(self._options, {name: configuration.text(name) for name in config.ADDRESSES})
        self._hosts = list(dict.fromkeys(filter(None, [hosts.plain(pack.domain or ""), host])))
        texts = [*ends_of_logs(root, _LOGS), *self._options.values(), *self._database.recorded_paths()]
        former = [*self._database.download_roots(), *former_roots(root, texts, self._folder)]
        self._roots = list(dict.fromkeys([*roots_of(root), *former]))
        self.nonce = template_location.nonce_of(version, host, self._folder, self._roots[0])
        self._rows = RowRules(
            self._database, self._admin, self.nonce, pack.keep_customers, facts.signs_in_by_email(version), self._own()
        )
        self.facts = self._facts(version, pack.home)
        self._homes = list(dict.fromkeys(filter(None, [self.facts.home, *map(home_in, former)])))
        names = [name for host in self._hosts for name in hosts.names_of(host)]
        self._owners_rules = OwnersRules(names, self.facts.base_uri, self.nonce)
        permalinks = self._options.get("permalink_structure", b"")
        self._own_block = OwnBlock(tuple(map(int, version.split("."))), self.facts.base_uri, permalinks)
        self._has_rules = os.path.lexists(root / ".htaccess")
        self._tree = TreeRules(root, pack, options.folders_in_use(self._options))
        self._php = needs_of(root, self._options)
        themes = (one / "functions.php" for one in themes_of(root, self._options))
        programs = [str(one.relative_to(root)) for one in (*active_plugins(root, self._options), *themes)]
        self._notes += facts.older_database(root, self._options)
        self._notes += missing_files.sentences(root, programs, self.left_out)
        if not any(map(configuration.has, config.MOVED_UPLOADS)):
            self._notes += lacking(self._database, root, self._options)
        self._languages = packs(root)
        self._statements = Statements(self._database, self._admin, configuration, self._languages, self.nonce)
        self._checks = checks_of(self._database, root, self._options, self.nonce)

    def replacements(self) -> Sequence[Replacement]:
        """Return the site's address with https, its host, paths and e-mail addresses.

        Texts name the site with its scheme, and a new one answers over http first.
        """
        found = template_location.Replacements()
        for name in dict.fromkeys(one for host in self._hosts for one in hosts.names_of(host)):
            # In the comments that hold a block's attributes, two dashes are written as escapes
            for written in dict.fromkeys([name, name.replace("--", "\\u002d\\u002d")]):
                is_derived = name not in self._hosts
                if not (is_derived and hosts.is_weak(name)):
                    found.add(f"https://{written}{self._folder}", "shop.url", "domain")
                found.add_host(written, self._folder, is_derived)
        for host, below in former_addresses(self._options, self._hosts[-1], self._folder):
            for name in hosts.names_of(host) if below or not hosts.is_weak(host) else ():
                found.add(f"https://{name}{below}", "shop.url", "former")
            found.add_former(host, below)
        found.add_paths(self._roots, self._homes)
        if self._folder:
            found.add(self._folder + "/", "base_uri", "uri")
        found.add(self._options.get("admin_email", b"").decode("utf-8", "replace"), "shop.email", "email")
        found.add(self._admin.email, "admin.email", "email")
        found.add_access(self.facts.credentials)
        return found.all()

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out, None for one that is packed."""
        if path in self._taken:
            return _TAKEN
        is_replaced = self._settings_file.is_absent and path == config.CONFIG.encode()
        return _LEADS_NOWHERE if is_replaced else super().left_out(path, is_directory)

    def file(self, path: bytes, content: bytes) -> bytes | None:
        """Return the complete template of the configuration, or of the web server's rules."""
        if path == config.CONFIG.encode():
            return self._configuration.template(self.nonce)
        if not is_htaccess(path):
            return None
        plain = opened(path, content).content
        if path == HTACCESS:
            plain = self._own_block.put_into(plain)
        own = self._owners_rules.template(path, plain, bytes)
        return own if own is not None or plain == content else plain

    def added(self) -> Mapping[bytes, bytes]:
        """Return what the tree lacks: the configuration, and the web server's rules if its addresses need them."""
        own = (
            {config.CONFIG.encode(): self._configuration.template(self.nonce)} if self._settings_file.is_absent else {}
        )
        if self._has_rules or not self._own_block.is_needed:
            return own
        block = self._own_block.put_into(b"")
        return {**own, HTACCESS: self._owners_rules.template(HTACCESS, block, bytes) or block}

    def written_settings(self) -> Sequence[str]:
        """Return what the tree lacked of its settings."""
        return self._settings_file.written

    def warnings(self, path: bytes, content: bytes) -> Sequence[str]:
        """Return sentences about the owner's changed lines in a `.htaccess`, and plug-ins that need PHP below 8."""
        if path in self._php.outdated:
            return (f"calls what PHP 8 does not have: new sites get PHP {self._php.needs.maximum} at most",)
        if not is_htaccess(path):
            return ()
        plain = opened(path, content)
        own = self._own_block.warnings(plain.content) if path == HTACCESS else []
        return [*plain.notes, *self._owners_rules.warnings(path, plain.content), *own]

    def adjustments(self) -> Sequence[tuple[str, str]]:
        """Return the development or unfinished settings that were changed for a live site."""
        configuration = self._configuration
        return list(living.adjustments(configuration.source, configuration.definitions, self._options))

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Statement]]:
        """Return the statements that set an option to a value."""
        coded = value.encode("utf-8")
        own = name in _NOT_FOR_VARIANTS or options.template_of(name, coded, self.nonce) != coded
        if own:
            raise ShoplaunchError("variant_invalid", "a new site begins with a safe value, or one of its own")
        return self._statements.setting(name, value)

    def owns(self, path: bytes) -> bool:
        """Return whether a file is the configuration, which is written anew."""
        return path == config.CONFIG.encode()

    def secrets(self) -> Sequence[Secret]:
        """Return the configuration's salts."""
        return self._configuration.secrets()

    def php(self) -> PhpNeeds:
        """Return the PHP versions of this site."""
        return self._php.needs

    def personal_data(self) -> Sequence[str]:
        """Return the places where personal data remains."""
        known = (self._options.get("admin_email", b"").decode("utf-8", "replace"), self._admin.email)
        own = {*(address.lower() for address in known), *self._hosts}
        values = [(name, options.template_of(name, value, self.nonce)) for name, value in self._options.items()]
        named = unknown_tables.names_of_values((one for one in values if not one[0].startswith(_PASSING)), own)
        listed = ", ".join(named[:_SHOWN]) + (" …" if len(named) > _SHOWN else "")
        settings = [f"{self._database.tables['options']}: e-mail addresses of others in {listed}"] if named else []
        return [*self._rows.personal_data(), *settings, *self._rows.strangers(own)]

    def languages(self) -> Sequence[str]:
        """Return the codes of the languages for which WordPress has texts here."""
        return sorted(self._languages)

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return two languages and countries that select different values."""
        other = next((code for code, locale in self._languages.items() if locale), None)
        zones = {"shop.country": ("US", "IR"), "shop.time_zone": ("Europe/Berlin", "")}
        return {**zones, **({} if other is None else {"shop.language": ("en", other)})}

    def _facts(self, version: str, home: str | None) -> TemplateFacts:
        """Return what is known of the template and what the packer searches for."""
        secrets = self._secrets()
        names = ("DB_NAME", "DB_USER")
        texts = {name: self._configuration.text(name).encode("utf-8", "replace") for name in names}
        credentials = {name: value for name, value in texts.items() if value}
        return TemplateFacts(
            application="wordpress",
            version=version,
            domain=self._hosts[0],
            base_uri=self._folder + "/",
            root=self._roots[0],
            home=home or home_of(self._roots[0]),
            table_prefix=self._configuration.prefix,
            admin_folder=ADMIN_FOLDER,
            secrets=secrets.searched(),
            credentials={label: value for label, value in credentials.items() if template_location.is_no_word(value)},
            unsearched=secrets.unsearched(_ACCESS) | template_location.unsearched({}, credentials, self._roots),
            suspected=secrets.suspected(),
            weak={label: value for label, value in secrets.weak().items() if label == _ACCESS},
            credentials_of=tuple(filter(None, credentials.values())),
            noun=SHOP if tables.SHOP_MARK in self._database.tables else SITE,
        )

    def _own(self) -> Own:
        """Return the owner's data: options that consist of it, and the administrator's address."""
        values = (value.decode("utf-8", "replace") for value in self._options.values() if len(value) <= _LONGEST_OWN)
        return Own.of([*values, self._admin.email], self._hosts)

    def _secrets(self) -> KnownSecrets:
        found = KnownSecrets()
        for name, value in self._configuration.secret_values().items():
            found.add(f"{config.CONFIG} {name}", value)
        for name, held in self._configuration.more_secrets():
            found.add_held(f"{config.CONFIG} {name}", held)
        for name, value in self._options.items():
            found.add_held(f"option {name}", options.secrets_in(name, value))
        for number, row in enumerate(self._database.rows("SELECT user_pass FROM {users} ORDER BY ID"), 1):
            found.add(f"users.user_pass {number}", row[0].encode())
        found.add_places(secrets_of(self._database.template, self._rows.of_modules(), self._rows.condition))
        return found
