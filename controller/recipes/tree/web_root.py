"""Lists files that do not belong into a web root, in any application: one table of rules, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from controller.recipes.base import PackOptions
from controller.recipes.tree.globs import Globs
from controller.recipes.tree.web_root_content import Content
from shared.bundle import check_path
from shared.errors import ShoplaunchError

#: Where a rule applies: at the root itself, outside of code, at every depth except in third-party packages, or really
#: everywhere.
TOP, OUTSIDE, ANYWHERE, EVERYWHERE = "top", "outside", "anywhere", "everywhere"
FILE, FOLDER = "file", "folder"

VERSIONS = "version control and its services"
DEVELOPMENT = "tools of a developer's machine"
KEYS = "keys and passwords of a person or server"
ENVIRONMENT = "settings of a developer's machine"
DUMPS = "dumps and archives of the shop"
OLD_COPIES = "old copies and backups"
INSTALLERS = "installers"
DOORS = "tools that open the database or the server to anybody"
LEFTOVERS = "leftovers of editors, file managers and shells"
LOGS = "logs"
TESTS = "tests that no code of the shop refers to"
MODULES = "build tools that no page refers to"
SERVER = "the server's own, where the template stood"
PROOFS = "the owner's proofs for search engines"
OTHER_SITE = "another site, with its own configuration"
CACHES = "caches and temporary files, made anew"
CUSTOMERS = "what customers sent in"
OTHER_OFFICES = "other copies of the back office"
OLD_CONFIGURATION = "old copies of the configuration, with old passwords"
UNNAMEABLE = "temporary files whose name is not UTF-8"

#: Returns whether an entry (path below the root) is what its name says; called only if the pattern matches.
Judge = Callable[[Content, bytes], bool]


@dataclass(frozen=True)
class Rule:
    """One line of the table; `pattern` matches the whole name, in lower case."""

    reason: str
    pattern: bytes
    where: str = ANYWHERE
    kind: str = ""
    judge: Judge | None = None


#: Extensions of compressed files.
_PACKED = rb"(?:gz|gzip|bz2|xz|zst|lz4|lzma|br)"
#: Extensions of encrypted and of split files.
_PART = rb"(?:\.(?:gpg|pgp|asc|enc|aes))?(?:[-_.](?:part[-_]?)?(?:[0-9]{1,4}|[ab][a-z]))?"
_ARCHIVE = rb"(?:zipx?|tar|tar\." + _PACKED + rb"|tgz|tbz2?|txz|tzst|7z|rar)" + _PART
_DUMP = rb"[^/]*\.(?:sql|mysql|dump)(?:[-_.][0-9][-_.0-9tz]*)?(?:\.(?:zip|7z|rar|tgz|" + _PACKED + rb"))?" + _PART
#: Extensions of files that the shop shows, runs or reads: most files have one, and no dump does.
_NO_DUMP = (
    rb"jpe?g|png|gif|webp|avif|svg|ico|bmp|mp[34]|webm|pdf|woff2?|ttf|eot|otf|php|phtml|tpl|twig|css|scss|less|js|map"
    rb"|html?|xml|json|ya?ml|xlf|po|mo|md"
)
#: The name of any PHP program: only one rule uses it, and judges by the content.
_PROGRAM = re.compile(rb"[^/]*\.php[0-9]?", re.DOTALL)
#: Places in which programs do not belong to a module, theme or library.
_OPEN = ("top", "outside")
_CODE = rb"(?:php[0-9]?|inc|phtml|tpl|twig|html?|yml|yaml|xml|ini|json|js|css|txt)"

RULES: tuple[Rule, ...] = (
    Rule(VERSIONS, rb"\.git|\.svn|\.hg|\.bzr|_darcs", EVERYWHERE),
    Rule(VERSIONS, rb"\.git[a-z]+|\.gitlab-ci\.ya?ml|\.hgignore|\.travis\.ya?ml|\.circleci|jenkinsfile"
         rb"|bitbucket-pipelines\.ya?ml|azure-pipelines\.ya?ml|\.(?:scrutinizer|styleci|codeclimate|codecov)\.ya?ml"),
    Rule(DEVELOPMENT, rb"\.vscode|\.idea|\.fleet|nbproject|.*\.code-workspace|.*\.sublime-(?:project|workspace)"
         rb"|\.editorconfig|\.(?:eslint|prettier|stylelint|jshint)(?:rc|ignore)(?:\..*)?|\.php[-_]cs(?:[-_.].*)?"
         rb"|phpstan[^/]*\.neon(?:\.dist)?|psalm[^/]*\.xml(?:\.dist)?|\.phpunit(?:\..*)?|phpunit(?:[-_.][^/]*)?\.(?:xml|phar)(?:\..*)?"
         rb"|[^/]*\.(?:side|jmx|postman_(?:collection|environment)\.json)|cypress(?:\.config\.[jt]s|\.json)"
         rb"|\.buildpath|\.project|\.settings|\.sass-cache|composer\.phar|wp-cli\.phar|\.devcontainer|\.ddev|\.lando[^/]*\.ya?ml|\.vagrant|vagrantfile"),
    Rule(DEVELOPMENT, rb"docker-compose[^/]*\.ya?ml(?:\..*)?|dockerfile(?:[-_.][a-z0-9]+)?|\.dockerignore|\.docker"),
    Rule(DEVELOPMENT, rb"docker|compose(?:\.[^/]*)?\.ya?ml|makefile|procfile|capfile|rector\.php"
         rb"|deploy\.(?:php|sh)|(?:app|index)_dev\.php|\.platform(?:\.app\.ya?ml)?|behat\.ya?ml(?:\.dist)?"
         rb"|codeception[^/]*\.ya?ml|wp-cli(?:\.local)?\.ya?ml", TOP),
    Rule(KEYS, rb"\.htpasswds?|\.ssh|\.gnupg|\.aws|\.netrc|\.pgpass|\.my\.cnf|\.npmrc|\.yarnrc(?:\.ya?ml)?"
         rb"|\.s?ftp[^/]*\.json|\.ftpconfig|\.remote-sync\.json|\.sftp|sftp(?:-config)?[^/]*\.json|\.s3cfg"
         rb"|id_(?:rsa|dsa|ecdsa|ed25519)(?:\..*)?|authorized_keys|known_hosts|.*\.(?:ppk|kdbx)"
         rb"|gha-creds-[0-9a-f]+\.json"),
    Rule(KEYS, rb"auth\.json|\.composer|\.config", TOP),
    Rule(KEYS, rb"auth\.json", kind=FILE, judge=Content.is_composers_auth),
    Rule(KEYS, rb".*\.(?:pem|key|priv)", kind=FILE, judge=Content.is_private_key),
    Rule(KEYS, rb".*\.(?:p12|pfx)", kind=FILE, judge=Content.is_outside_code),
    Rule(ENVIRONMENT, rb"\.env(?:[-_.].*)?|\.envrc", TOP),
    Rule(ENVIRONMENT, rb"\.env\.(?:[^/]+\.)?local", kind=FILE),
    Rule(DUMPS, _DUMP, kind=FILE, judge=Content.is_dump),
    Rule(DUMPS, rb"[^/]*\." + _ARCHIVE + rb"|[^/]*\.(?:wpress|jpa|jps|daf|bundle|[zjr][0-9]{2})", TOP, FILE),
    Rule(DUMPS, rb"[^/]*\." + _ARCHIVE, kind=FILE, judge=Content.is_site_archive),
    Rule(DUMPS, rb"[^/]*\.(?:wpress|jpa|jps|daf)", kind=FILE),
    Rule(DUMPS, rb"[^/]*\." + _PACKED + _PART, OUTSIDE, FILE, Content.is_named_copy),
    Rule(DUMPS, rb"(?![^/]*\.(?:" + _NO_DUMP + rb")\Z)[^/]*", OUTSIDE, FILE, Content.holds_core_tables),
    Rule(INSTALLERS, rb"_*install(?:[-_. ~][^/]*)?|_*installation|_+install[^/]*|dup-installer", TOP, FOLDER),
    Rule(INSTALLERS, rb"[^/]*", TOP, FOLDER, Content.is_installer),
    Rule(INSTALLERS, rb"_*install[^/]*", OUTSIDE, FOLDER, Content.is_installer),
    Rule(INSTALLERS, rb"install_prestashop\.html|installer(?:-backup)?\.php|[^/]*_installer(?:-backup)?\.php"
         rb"|kickstart\.php|dup-installer-bootlog__[^/]*\.txt|installer-(?:(?:boot)?log\.txt|data\.sql)", TOP, FILE),
    Rule(OLD_COPIES, rb"[^/]*\.(?:bak|old|orig|save|saved|backup|bkp)(?:[-_.]?[0-9]*)?|[^/]*~|[^/]*\.rej|[^/]*\.sw[op]"
         rb"|\.[^/]*\.sw[k-p]|#[^/]*#|\.#[^/]*"
         rb"|[^/]*\." + _CODE + rb"[-_.](?:bak|old|orig|save|copy|copia|backup|bkp|[0-9]{4,})[-_.0-9]*"
         rb"|copy of [^/]*|[^/]* - cop(?:y|ia|ie)(?: ?\([0-9]+\))?\." + _CODE,
         judge=Content.is_unused),
    Rule(OLD_COPIES, rb"\.htaccess[^/]+|[^/]+\.htaccess", TOP, FILE),
    Rule(OLD_COPIES, rb"_?backups?|_?bak|_?old|[^/]*[-_.](?:backups?|bak|old)|(?:backups?|bak|old)[-_.][^/]*", TOP,
         FOLDER, judge=Content.is_unused),
    Rule(DOORS, rb"php-?my-?admin[^/]*|pma|adminer|mysqldumper|search-?replace-?db[^/]*|srdb[^/]*", TOP, FOLDER),
    Rule(DOORS, rb"adminer[^/]*\.php|searchreplacedb2?\.php|bigdump\.php|emergency\.php|tinyfilemanager\.php"
         rb"|filemanager\.php", kind=FILE, judge=Content.is_outside_code),
    Rule(DOORS, _PROGRAM.pattern, OUTSIDE, FILE, Content.is_door),
    Rule(LEFTOVERS, rb"\.ds_store|__macosx|thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory|\$recycle\.bin"
         rb"|\.trash(?:es)?|\.spotlight-v100|\.fseventsd|\._[^/]*|\.nfs[0-9a-f]{8,}|\.fuse_hidden[0-9a-f]+"
         rb"|\.~lock\.[^/]*#|~\$[^/]*", EVERYWHERE),
    Rule(LEFTOVERS, rb"core\.[0-9]{2,}", kind=FILE, judge=Content.is_outside_code),
    Rule(LEFTOVERS, rb"\.(?:bash|sh|zsh|mysql|php|psql|python|node_repl|rediscli)_?(?:history|rc|profile|logout)"
         rb"|\.profile|\.lesshst|\.viminfo|\.vim|\.wget-hsts|\.selected_editor|\.sudo_as_admin_successful|\.npm|\.cache",
         TOP),
    Rule(LOGS, rb"error_log(?:[-_.][0-9][^/]*|\.gz)?|php_?errors?[._]?log|access_log|nohup\.out", EVERYWHERE, FILE),
    Rule(LOGS, rb"[^/]*\.log(?:[-_.][0-9][^/]*)?(?:\.(?:gz|bz2))?", kind=FILE),
    Rule(TESTS, rb"tests?", kind=FOLDER, judge=Content.is_unreferenced_test),
    Rule(MODULES, rb"node_modules|bower_components", kind=FOLDER, judge=Content.is_unreferenced),
    Rule(SERVER, rb"cgi-bin|\.well-known|\.ftpquota|\.user\.ini|php\.ini|\.shoplaunch[^/]*|\.cpanel|\.softaculous"
         rb"|softaculous[^/]*|\.cagefs|\.cl\.selector|\.trash|\.lsphp[^/]*|\.quarantine|lost\+found", TOP),
    Rule(PROOFS, rb"google[0-9a-f]{12,20}\.html|bingsiteauth\.xml|yandex_[0-9a-f]+\.(?:html|txt)"
         rb"|pinterest-[0-9a-f]+\.html|(?:mailru|wmail)[-_]?[^/]*\.html|alexa[^/]*\.html", TOP, FILE),
    Rule(OTHER_SITE, rb"[^/]*", TOP, FOLDER, Content.is_other_site),
)  # fmt: skip
#: Third-party code, packed as it was released.
_PACKAGES = re.compile(rb"(?:.*/)?(?:vendor|node_modules|bower_components)/.*|tools/.*", re.DOTALL)
#: Folders of temporary files, which nothing in the shop refers to by name.
_PASSING = re.compile(rb"(?:.*/)?(?:upload|tmp|temp|cache|logs?)/.*", re.DOTALL)


class WebRoot:
    """Judges the entries of one document root.

    `needed` are paths (in lower case) that the application requires, and those that its database names as in use;
    `own` returns the application's reasons.
    """

    def __init__(
        self,
        root: Path,
        options: PackOptions,
        needed: Collection[bytes] = (),
        own: Callable[[bytes, bool], str | None] = lambda path, is_directory: None,
    ) -> None:
        self._content = Content(root, frozenset(needed))
        self._keep, self._leave_out = Globs(options.keep), Globs(options.leave_out)
        self._needed = frozenset(needed)
        self._own = own

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry, and all below it, is left out; None for one that is packed."""
        if self._keep:
            return self._unless_kept(path, is_directory)
        return self._judged(path, is_directory)

    def _unless_kept(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out that no pattern keeps: a kept one may lie in a folder left out, so that each
        folder above an entry is judged."""
        if self._keep.first(path) or (is_directory and self._keep.may_lie_below(path)):
            return None
        above = [path[: found.start()] for found in re.finditer(b"/", path)]
        reasons = (self._judged(one, is_directory or one != path) for one in (*above, path))
        return next(filter(None, reasons), None)

    def _judged(self, path: bytes, is_directory: bool) -> str | None:
        wanted = self._leave_out.first(path)
        if wanted:
            return f"--leave-out {wanted}"
        own = self._own(path, is_directory)
        if own or path.lower() in self._needed:
            return own
        return self._by_table(path, is_directory) or (UNNAMEABLE if _PASSING.match(path) and _odd(path) else None)

    def _by_table(self, path: bytes, is_directory: bool) -> str | None:
        name = path.rpartition(b"/")[2].lower()
        # Most names match no rule in any place, or only that for any program
        if _names_pattern("outside" if b"/" in path else "top", is_directory).fullmatch(name) is None:
            is_program = not is_directory and _PROGRAM.fullmatch(name) is not None
            return DOORS if is_program and self._place(path) in _OPEN and self._content.is_door(path) else None
        for pattern, rule in _fitted(self._place(path), is_directory):
            if pattern.fullmatch(name) and (rule.judge is None or rule.judge(self._content, path)):
                return rule.reason
        return None

    def _place(self, path: bytes) -> str:
        if b"/" not in path:
            return "top"
        if _PACKAGES.fullmatch(path):
            return "package"
        return "outside" if self._content.is_outside_code(path) else "code"


def _rules(place: str, is_directory: bool) -> list[Rule]:
    kind = FOLDER if is_directory else FILE
    return [rule for rule in RULES if rule.where in _PLACES[place] and rule.kind in ("", kind)]


@cache
def _names_pattern(place: str, is_directory: bool) -> re.Pattern[bytes]:
    """Return a pattern of all names that some rule for the place may match."""
    named = [rule.pattern for rule in _rules(place, is_directory) if rule.pattern != _PROGRAM.pattern]
    return re.compile(b"|".join(b"(?:%b)" % pattern for pattern in named), re.DOTALL)


@cache
def _fitted(place: str, is_directory: bool) -> list[tuple[re.Pattern[bytes], Rule]]:
    """Return the rules for the place, each with its own pattern."""
    return [(re.compile(rule.pattern, re.DOTALL), rule) for rule in _rules(place, is_directory)]


def _odd(path: bytes) -> bool:
    try:
        check_path(path)
        path.decode("utf-8")
    except (ShoplaunchError, UnicodeDecodeError):
        return True
    return False


_PLACES = {
    "top": (TOP, OUTSIDE, ANYWHERE, EVERYWHERE), "outside": (OUTSIDE, ANYWHERE, EVERYWHERE),
    "code": (ANYWHERE, EVERYWHERE), "package": (EVERYWHERE,),
}  # fmt: skip
