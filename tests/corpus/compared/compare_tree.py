"""Stage compare, files: each file of the shop is the template's, or a rule says why it is not."""

import fnmatch
import hashlib
import os
import re
from collections import Counter

#: Made anew by the shop itself, or of no use elsewhere.
CACHES = re.compile(
    r"^(?:var/(?:cache|logs?|sessions)|app/(?:cache|logs)|cache|log|img/tmp|config/xml|themes/[^/]+/cache|"
    r"themes/[^/]+/assets/cache|wp-content/(?:uploads/(?:wc-logs|elementor/css)|cache|upgrade|upgrade-temp-backup)|"
    r"wp-content/(?:w3tc-config|litespeed)|"
    r"modules/[^/]+/cache|upload|download|mails/_partials/cache)(?:/|$)|(?:^|/)(?:error_log|debug\.log|\.DS_Store)$|"
    # What PrestaShop keeps of a theme's description, in whichever folder it runs
    r"(?:^|/)yaml/[0-9a-f]{32}\.php(?:\.meta)?$|"
    # A module's mark that it is at work
    r"^var/modules/[^/]+/[^/]+\.lock$"
)
#: Of which a shop has its own.
OWN_FILES = re.compile(r"^(?:\.htaccess|robots\.txt|\.user\.ini|index\.html)$|\.htaccess$")
#: What PrestaShop notes of a module in the language of the back office, or fetches for one when it is first seen.
NOTED = re.compile(r"^modules/(?:[^/]+/config(?:_\w+)?\.xml|gamification/views/css/advice-[\w.]+\.css)$")
#: Of these, what is fetched anew when the back office is opened: where its server cannot be reached, it is empty.
FETCHED = re.compile(r"^modules/gamification/")
#: A size of a picture, made when it is first asked for, as `a-433x516.jpg` (WordPress) or `3-medium_default.jpg`.
SIZE = re.compile(r"^(.+?)(?:_thumb)?-(?:\d+x\d+|[a-z][a-z0-9_]*)\.(?:avif|gif|jpe?g|png|webp)$")
#: A theme's record of its settings, and the document root in it: `/app` is too short to be looked for elsewhere.
RECORD = re.compile(r"^config/themes/[^/]+/shop[0-9]+\.json$")
_ROOT = re.compile(rb'("directory":")[^"]*?(?=[\\/]+themes[\\/])')
#: What PrestaShop shows in place of pictures that are missing, in the sizes it is asked for.
IN_PLACE = re.compile(r"^img/(?:[cmp]|st|su)/[a-z]{2}-default-\w+\.(?:avif|jpg|png|webp)$")
#: How the report begins to tell of a file that a shop needs and the template has not, and what it says of settings.
WRITTEN_ANEW = "written anew"
MISSING = re.compile(r"(\S+) was missing: written as ")
MOST_COMPARED = 8 * 1024 * 1024
SHOWN = 60


def listing(root, admin="", roots=()):
    """Return path -> (absolute path, size, link target) of everything that is no folder, `admin` called `<admin>`.

    Links that lead below one of `roots`, where the tree was on other machines, lead below `root`.
    """
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]:
            path = os.path.join(folder, name)
            shown = _shown(os.path.relpath(path, root), admin)
            found[shown] = (path, os.lstat(path).st_size, _target(path, root, admin, roots))
    return found


def _target(path, root, admin, roots):
    """Return where a link leads, below `root` however it says so; None for what is no link."""
    if not os.path.islink(path):
        return None
    target = os.readlink(path)
    former = next((one for one in roots if target.startswith(f"{one}/")), None)
    if former is not None:
        return _shown(os.path.relpath(target, former), admin)
    return _shown(os.path.relpath(os.path.join(os.path.dirname(path), target), root), admin)


def _shown(path, admin):
    """Return a path with the back office's folder, if it begins with it, called `<admin>`."""
    first, _, rest = path.partition("/")
    return f"<admin>/{rest}" if admin and first == admin else path


def admin_folder(root):
    """Return the name of a PrestaShop's back office below `root`, "" where there is none."""
    for name in sorted(os.listdir(root)):
        if os.path.isdir(os.path.join(root, name, "filemanager")) and os.path.exists(
            os.path.join(root, name, "ajax.php")
        ):
            return name
    return next((n for n in sorted(os.listdir(root)) if os.path.isdir(os.path.join(root, n, "filemanager"))), "")


def compare(template, restored, report, canonical, roots=()):
    """Compare two trees, the template's having been at `roots`; return {"files", "explained": {rule: files},
    "unexplained": [...]}."""
    admin = admin_folder(template)
    old, new = listing(template, admin, roots), listing(restored, admin_folder(restored))
    said = _paths_of(report, admin)
    blanked = {_shown(one["file"], admin) for one in report.get("blanked_comments", ())}
    anew = _written_anew(report)
    explained, found = Counter(), []
    for path in sorted(old.keys() - new.keys()):
        rule = _why_missing(path, old[path], said)
        if rule:
            explained[rule] += 1
        else:
            found.append({"file": path, "what": f"is missing ({old[path][1]} bytes)"})
    for path in sorted(new.keys() - old.keys()):
        rule = _why_new(path, old, anew)
        if rule:
            explained[rule] += 1
        else:
            found.append({"file": path, "what": f"is new ({new[path][1]} bytes)"})
    same = 0
    for path in sorted(old.keys() & new.keys()):
        rule = _why_different(path, old[path], new[path], said, canonical)
        if rule is None and path in blanked and _has_blanks(old[path], new[path], canonical):
            rule = "secrets in comments, blanked as the report says"
        if rule == "":
            same += 1
        elif rule:
            explained[rule] += 1
        else:
            found.append({"file": path, "what": f"differs ({old[path][1]} and {new[path][1]} bytes)"})
    return {
        "files": len(old),
        "same": same,
        "explained": dict(explained.most_common()),
        "explained_total": sum(explained.values()),
        "unexplained": found[:SHOWN],
        "unexplained_total": len(found),
    }


def _written_anew(report):
    notes = report.get("rewriting", {}).get("notes", ())
    settings = filter(None, map(MISSING.match, report.get("settings_written", ())))
    return {one["place"] for one in notes if one["what"].startswith(WRITTEN_ANEW)} | {said[1] for said in settings}


def is_size(path, old):
    """Return whether `path` is a size of a picture that is among the paths `old`."""
    size = SIZE.match(path)
    return size is not None and any(f"{size[1]}.{ending}" in old for ending in ("jpg", "jpeg", "png", "gif", "webp"))


def _why_new(path, old, anew):
    if any(one.search(path) for one in (CACHES, OWN_FILES, NOTED)) or ".shoplaunch" in path:
        return "written by the shop itself"
    if path in anew:
        return "written anew, as the report says"
    if IN_PLACE.search(path):
        return "shown in place of pictures that are missing"
    return "sizes of pictures the shop makes" if is_size(path, old) else None


def _why_missing(path, entry, said):
    if is_said(path, said):
        return "left out, as the report says"
    if CACHES.search(path):
        return "caches and logs"
    return None


def is_said(path, said):
    """Return whether the report names the file, a folder above it or a pattern it fits."""
    parts = path.split("/")
    above = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    names, patterns = said
    return bool(above & names) or any(fnmatch.fnmatch(path, one) or fnmatch.fnmatch(parts[-1], one) for one in patterns)


def _why_different(path, old, new, said, canonical):
    """Return "" for the same, a rule, or None."""
    if old[2] is not None or new[2] is not None:
        return "" if old[2] == new[2] else None
    if old[1] == new[1] and _digest(old[0]) == _digest(new[0]):
        return ""
    if OWN_FILES.search(path) or path in said[0]:
        return "the shop's own, as the report says"
    if CACHES.search(path):
        return "caches and logs"
    if NOTED.search(path) and FETCHED.search(path) and new[1] == 0:
        return "fetched anew by a module, from a server that cannot be reached"
    if max(old[1], new[1]) > MOST_COMPARED:
        return None
    with open(old[0], "rb") as first, open(new[0], "rb") as second:
        before, after = canonical(first.read()), canonical(second.read())
    if RECORD.search(path):
        before = _ROOT.sub(rb"\1<path>", before)
    return "replaced" if before == after else None


def _has_blanks(old, new, canonical):
    """Return whether the shop's file is the template's but for blanks."""
    if max(old[1], new[1]) > MOST_COMPARED:
        return False
    with open(old[0], "rb") as first, open(new[0], "rb") as second:
        before, after = canonical(first.read()), canonical(second.read())
    return len(before) == len(after) and all(b in (a, ord(" ")) for a, b in zip(before, after, strict=True))


def _digest(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _paths_of(report, admin):
    """Return (paths, patterns) among the texts of a report; those of a back office begin with <admin>."""
    names, patterns = set(), set()

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(str(key))
                walk(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                walk(inner)
        elif isinstance(value, str) and value and len(value) < 1000:
            text = value.rstrip("/")
            (patterns if "*" in text or "?" in text else names).add(text)
            first, _, rest = text.partition("/")
            if rest and first == admin:
                names.add(f"<admin>/{rest}")

    walk(
        {
            key: value
            for key, value in report.items()
            if key not in ("rewriting", "compressed_files_not_searched", "forms", "blanked_comments")
        }
    )
    return names, patterns - {"*", "?"}
