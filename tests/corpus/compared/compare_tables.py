"""Stage compare, tables: each row of the shop is the dump's, or a rule says why it is not."""

import hashlib
import re
import time
from collections import Counter
from datetime import datetime, timedelta

#: What a shop writes by itself when it is visited, without the prefix.
WRITTEN_BY_VISITS = {
    "connections", "connections_page", "connections_source", "guest", "page", "page_type", "page_viewed",
    "pagenotfound", "log", "smarty_cache", "smarty_last_flush", "smarty_lazy_cache", "eventbus_incremental_sync",
    "actionscheduler_actions", "actionscheduler_claims", "actionscheduler_groups", "actionscheduler_logs",
    "woocommerce_sessions", "wpforms_tasks_meta", "wc_admin_notes", "wc_admin_note_actions", "statssearch",
    "cart_rule_lang",
    # The controller signs in and out
    "employee_session", "admin_filter",
    # Figures of the dashboard
    "configuration_kpi", "configuration_kpi_lang",
    # Made when a category is first seen
    "layered_filter_block",
}  # fmt: skip
#: Rows, by their name, that a shop makes anew or keeps up to date by itself.
WRITTEN_NAMES = re.compile(
    r"_?(?:site_)?_?transient|^_elementor_css$|^_action_manager_|^cron$|^rewrite_rules$|^action_scheduler|_lock$|^db_upgraded|^recently_|^can_compress|"
    r"^PS_(?:CCCJS|CCCCSS)_VERSION|^PS_.*(?:CACHE|LAST_CRON|LAST_RUN)|_LAST_|^fresh_site$|^https_migration_required$|^_wc_|^wc_blocks|_version$"
)
#: To which plug-ins add settings, and queues, as they are first seen by their owner.
SETTINGS_OF_WORDPRESS = ("options", "usermeta", "term_relationships")
DATE_COLUMNS = ("date_add", "created_at", "date_created_gmt", "post_date")
FRESH_HOURS = 15
#: Visits add less than this to what counts them.
COUNTERS = re.compile(r"count|views|hits|visits|accessed")
COUNTED = 50
NAME_COLUMNS = ("name", "option_name", "meta_key")
#: What opens a shop that is not open yet to whom its owner sends it: taken out with the secrets, and counted alone.
KEYS_OF_CLOSED_SHOPS = ("woocommerce_share_key",)
SHOWN = 60
_MASKED_LETTERS = 24


def compare(server, dumped, restored, report, canonical, prefix):
    """Compare two databases; return {"tables", "rows", "explained": {rule: cells}, "unexplained": [...]}."""
    names, made = set(server.tables(dumped)), set(server.tables(restored))
    work = _Comparison(server, (dumped, restored), report, canonical, prefix, names)
    for table in sorted(names - made):
        work.unexplained(table, "", f"table is missing ({server.count(dumped, table)} rows)")
    for table in sorted(made - names):
        work.unexplained(table, "", "table is new")
    for table in sorted(names & made):
        work.table(table)
    return work.result(len(names))


class _Comparison:
    """One comparison of two databases, (dumped, restored)."""

    def __init__(self, server, databases, report, canonical, prefix, names=()):
        self._server = server
        self._dumped, self._restored = databases
        self._canonical, self._prefix, self._names = canonical, prefix, names
        self._set = Counter(report.get("set", {}))
        self._dropped = Counter()
        for row in report.get("dropped", []):
            self._dropped[row["table"]] += row["rows"] if isinstance(row["rows"], int) else 0
        self._emptied = frozenset(report.get("emptied_tables", {}))
        for table, rows in report.get("emptied_tables", {}).items():
            self._dropped[table] = max(self._dropped[table], rows)
        self._said = _words_of(report)
        self._drafts = self._unsaved_products()
        self._explained = Counter()
        self._found = []
        self._rows = 0

    def _unsaved_products(self):
        """Return the numbers of products nobody has saved: PrestaShop 1.7 removes them when its catalogue is opened."""
        name = f"{self._prefix}product"
        if "state" not in (self._server.columns(self._dumped, name) if name in self._names else ()):
            return frozenset()
        return {
            row[0]
            for row in self._server.rows(f"SELECT id_product FROM `{name}` WHERE state = 0", database=self._dumped)
        }

    def _goes_with_drafts(self, table, row, columns):
        if "id_product" in columns:
            return row[columns.index("id_product")] in self._drafts
        return bool(self._drafts) and table.removeprefix(self._prefix) == "search_word"

    def result(self, tables):
        """Return the document."""
        return {
            "tables": tables,
            "rows": self._rows,
            "explained": dict(self._explained.most_common()),
            "explained_total": sum(self._explained.values()),
            "unexplained": self._found[:SHOWN],
            "unexplained_total": len(self._found),
        }

    def unexplained(self, table, row, what):
        """Note a difference nobody has an explanation for."""
        self._found.append({"table": table.removeprefix(self._prefix), "row": row, "what": what})

    def table(self, table):
        """Compare the rows of one table."""
        server = self._server
        old, new = server.columns(self._dumped, table), server.columns(self._restored, table)
        if old.keys() != new.keys():
            self.unexplained(table, "", f"columns differ: {sorted(old.keys() ^ new.keys())}")
        columns = [name for name in old if name in new]
        key = [name for name in server.key(self._restored, table) if name in columns]
        if key != server.key(self._dumped, table):
            self.unexplained(table, "", "primary key differs")
        places = [columns.index(name) for name in key]
        rows = [server.content(base, table, columns) for base in (self._dumped, self._restored)]
        self._rows += len(rows[0])
        before, after = (self._by_key(one, places) for one in rows)
        both = before.keys() & after.keys()
        others = {one for one in both if self._is_another(table, before[one], after[one], columns)}
        self._missing(table, [before[one] for one in before if one not in after or one in others], columns)
        self._added(table, [after[one] for one in after if one not in before or one in others], columns)
        for one in both - others:
            if before[one] != after[one]:
                self._row(table, columns, before[one], after[one], one)

    def _is_another(self, table, old, new, columns):
        """A new row has taken the number of one that visits write, which the shop does not have any more."""
        places = [columns.index(name) for name in NAME_COLUMNS if name in columns]
        return any(old[one] != new[one] for one in places) and self._is_written(table, old, columns)

    def _by_key(self, rows, places):
        """Return key -> row; without a key by all that is no shop's own. Rows of the same key are numbered."""
        found, seen = {}, Counter()
        for row in rows:
            key = tuple(row[place] for place in places) or tuple(one and self._canonical(one) for one in row)
            seen[key] += 1
            found[(*key, seen[key])] = row
        return found

    def _missing(self, table, rows, columns):
        if not rows:
            return
        unsaved = [row for row in rows if self._goes_with_drafts(table, row, columns)]
        self._explained["unsaved products PrestaShop removes"] += len(unsaved)
        rows = [row for row in rows if row not in unsaved]
        allowed = self._dropped[table]
        if len(rows) <= allowed:
            self._explained["rows the report drops"] += len(rows)
            return
        written = [row for row in rows if self._is_written(table, row, columns)]
        left = [row for row in rows if row not in written]
        self._explained["written by visits"] += len(written)
        if len(left) <= allowed or (allowed and table in self._said and not left):
            self._explained["rows the report drops"] += len(left)
        else:
            for row in left[:5]:
                self.unexplained(table, _name(row, columns), f"row is missing ({len(left)} of them; {allowed} dropped)")

    def _added(self, table, rows, columns):
        for row in rows:
            if self._is_written(table, row, columns):
                self._explained["written by visits"] += 1
            elif self._is_fresh(row, columns) or table.removeprefix(self._prefix) in SETTINGS_OF_WORDPRESS:
                self._explained["added since the order"] += 1
            else:
                self.unexplained(table, _name(row, columns), "row is new")

    def _is_fresh(self, row, columns):
        """The row says that it was added since the shop was ordered, in whatever time zone."""
        for name in DATE_COLUMNS:
            if name in columns and is_fresh((row[columns.index(name)] or b"").decode("ascii", "replace")):
                return True
        return False

    def _is_written(self, table, row, columns):
        if table.removeprefix(self._prefix).startswith("employee") and self._is_marketplaces(row, columns):
            return True
        if table.removeprefix(self._prefix) in WRITTEN_BY_VISITS or table in self._emptied:
            return True
        names = [row[columns.index(name)] or b"" for name in NAME_COLUMNS if name in columns]
        return any(WRITTEN_NAMES.search(name.decode("utf-8", "replace")) for name in names)

    def _is_marketplaces(self, row, columns):
        """The employee PrestaShop's marketplace makes for itself when the back office is first seen."""
        number = row[columns.index("id_employee")].decode()
        mine = f"SELECT 1 FROM `{self._prefix}employee` WHERE id_employee = %s AND email LIKE 'mbo-%%@prestashop.com'"
        return bool(self._server.rows(mine, number, database=self._restored))

    def _is_set_at_sign_in(self, place, before, after):
        """The days an employee's statistics begin and end with, which the dashboard of PrestaShop writes with the whole
        row: its texts that were NULL are empty then (AdminDashboardController.php: employee->update())."""
        own = f"{self._prefix}employee."
        return place.startswith(own + "stats_") or (place.startswith(own) and before is None and after == b"")

    def _row(self, table, columns, old, new, key):
        written = self._is_written(table, new, columns)
        for name, before, after in zip(columns, old, new):
            if before == after:
                continue
            place = f"{table}.{name}"
            if before is not None and after is not None and self._canonical(before) == self._canonical(after):
                self._explained["replaced"] += 1
            elif self._drafts and place == f"{self._prefix}category_product.position":
                self._explained["unsaved products PrestaShop removes"] += 1
            elif self._is_named(table, new, columns):
                self._explained["named by the report"] += 1
            elif not after and _name(new, columns) in KEYS_OF_CLOSED_SHOPS:
                self._explained["keys to a shop that is not open yet"] += 1
            elif place == f"{self._prefix}term_taxonomy.count":
                self._explained["counted anew by WordPress"] += 1
            elif place == f"{self._prefix}employee.id_lang":
                self._explained["the order's language"] += 1
            elif _is_brought_up(before, after, place, _name(new, columns)):
                self._explained["modules that bring their rows up to their files"] += 1
            elif self._is_set_at_sign_in(place, before, after) or _is_made_by_visits(
                before, after, f"{name} {_name(new, columns)}"
            ):
                self._explained["written by visits"] += 1
            elif self._set[place] > 0:
                self._set[place] -= 1
                self._explained["set by the report"] += 1
            elif written:
                self._explained["written by visits"] += 1
            else:
                shown = f"{name}: {masked(before)} -> {masked(after)}"
                self.unexplained(table, _name(new, columns) or _shown_key(key), shown)

    def _is_named(self, table, row, columns):
        """The report names the row's own name: a setting that was set, blanked or made anew."""
        names = [row[columns.index(name)] or b"" for name in NAME_COLUMNS if name in columns]
        return any(len(name) > 4 and name.decode("utf-8", "replace") in self._said for name in names)


def is_fresh(text):
    """Return whether `text` is a moment since the order, in whatever time zone."""
    try:
        return abs(datetime.now() - datetime.fromisoformat(text)) < timedelta(hours=FRESH_HOURS)
    except (ValueError, TypeError):
        return False


def _is_brought_up(before, after, place, name):
    """Return whether a value is the version of a module, noted when the back office first loads its newer files."""
    is_noted = place.endswith("module.version") or name.endswith("_VERSION")
    return is_noted and all(re.fullmatch(rb"[0-9]+(\.[0-9]+)+", value or b"") for value in (before, after))


def _is_made_by_visits(before, after, name):
    """Return whether `after` is the time of a visit, a number it counts, or the sizes WordPress made of a picture."""
    if before is None or after is None:
        return False
    if before.isdigit() and after.isdigit():
        is_time = len(after) == len(before) == len(str(int(time.time())))
        if is_time:
            return abs(time.time() - int(after)) < FRESH_HOURS * 3600
        return COUNTERS.search(name) is not None and 0 < int(after) - int(before) < COUNTED
    if is_fresh(after.decode("utf-8", "replace")):
        return True
    known = b's:5:"width"', b's:5:"sizes"'
    if not all(mark in text for text in (before, after) for mark in known):
        return False
    return before.partition(known[1])[0] == after.partition(known[1])[0]


def _words_of(report):
    """Return every text that stands anywhere in a report, and the words of these."""
    found = set()

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                found.add(str(key))
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str):
            found.add(value)
            found.update(re.findall(r"\w{5,}", value))

    walk({key: value for key, value in report.items() if key not in ("rewriting", "left_out_paths")})
    # "option NAME", "setting NAME"
    found.update(str(place).rpartition(" ")[2] for place in report.get("living_shop", {}))
    return found


def _name(row, columns):
    for name in NAME_COLUMNS:
        if name in columns:
            return (row[columns.index(name)] or b"").decode("utf-8", "replace")[:80]
    return ""


def _shown_key(key):
    return ", ".join((part or b"").decode("utf-8", "replace")[:30] for part in key[:-1] if not isinstance(part, int))


def masked(value):
    """Return what tells values apart and gives none away: length, digest, the shape of the beginning."""
    if value is None:
        return "NULL"
    text = value.decode("utf-8", "replace")
    shape = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text[:_MASKED_LETTERS]))
    return f"[{len(value)} bytes {hashlib.sha256(value).hexdigest()[:6]} {shape!r}]"
