"""The first lines of a report: at most ten, the most important first, each short enough for a terminal."""

import pytest

from controller.bundles.headline import LINES, headline
from controller.bundles.summary import sections

MANIFEST = {
    "application": {"name": "prestashop", "version": "8.2.1"},
    "tables": [{"rows": 1200}, {"rows": 34}],
    "requirements": {
        "php": {"min": "7.2", "max": "8.1", "extensions": ["gd"]}, "disk_bytes": 5 << 20, "inodes": 1234,
        "max_statement_bytes": 1, "longest_key_bytes": 1,
    },
    "members": [], "secrets": [], "variants": [], "collations": [],
    "personal_data": ["ps_store: addresses of stores", "ps_cms_lang: pages", "ps_ask.email: 3 e-mail addresses"],
}  # fmt: skip
REPORT = {
    "languages": ["en", "fa"], "currencies": ["EUR"],
    "dropped": [
        {"table": "ps_log", "rows": 900, "reason": "traces of visits, caches, sessions or access of others"},
        {"table": "ps_orders", "rows": 5, "reason": "customers and what they left"},
    ],
    "notes": ["parameters.php says the tables begin with 'ps_'"], "dump_changed": ["t holds letters"],
    "rewriting": {"forms": {"plain": 3}, "left": [{"place": "a.js", "reason": "with another port", "count": 2}],
                  "notes": [{"place": ".htaccess", "what": "a rule of the owner's", "count": 1}]},
    "rows_compared": {"ps_log": [900, 0], "ps_lang": [2, 2]},
}  # fmt: skip


def lines(report=REPORT, **changes):
    return headline({**MANIFEST, **changes}, 75 << 20, report)


def test_ten_lines_at_most_however_much_there_is_to_say():
    much = {
        **REPORT,
        "left_out": {"git": {"count": 9, "bytes": 8192}},
        "living_shop": {"_PS_MODE_DEV_": "off"},
        "notes": ["n"] * 50,
    }
    assert len(lines(much)) <= LINES
    assert all(len(shown) <= 200 for _, shown in lines(much))


def test_settings_that_were_written_are_named_at_once_and_in_full_below():
    said = "wp-config.php was missing: written as WordPress 6.8's installer does"
    assert lines({"settings_written": [said], **REPORT})[1] == ("Settings", said)
    titles = {section.title: section.rows for section in sections(MANIFEST, 1, {"settings_written": [said]})}
    assert titles["Settings that the template lacks, written for new shops"] == [(said, "")]


def test_themes_that_name_the_domains_root_are_listed_with_their_files_in_full():
    report = {**REPORT, "rewriting": {"from_root": {"count": 3, "places": {"themes/own/page.tpl": 3}}}}
    assert dict(lines(report))["In a folder"].startswith("3 addresses from the root in themes' code will not work")
    assert "In a folder" not in dict(lines())
    titles = {section.title: section.rows for section in sections(MANIFEST, 1, report)}
    assert titles["Addresses from the domain's root in themes' code: not there in a folder"] == [
        ("themes/own/page.tpl", "3")
    ]


def test_application_size_and_what_a_server_must_offer_come_first():
    assert [label for label, _ in lines()[:3]] == ["Application", "Size", "Server needs"]
    assert lines()[0][1] == "PrestaShop 8.2.1"
    assert "PHP 7.2 to 8.1" in lines()[2][1] and "1,234 files" in lines()[2][1]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("Languages", "en, fa; currencies EUR"),
        ("Left behind", "5 rows of customers; 900 rows of visits, caches and access"),
        ("Personal data", "remains in ps_store, ps_cms_lang and 1 more"),
        ("Please look at", "parameters.php says the tables begin with 'ps_'"),
    ],
)
def test_what_matters_to_clients_is_said_in_a_line(label, said):
    assert dict(reversed(lines()))[label] == said


def test_files_that_stay_out_are_counted_with_the_options_that_overrule_it():
    report = {"left_out": {"git": {"count": 9, "bytes": 8192}, "dumps": {"count": 1, "bytes": 2048}}}
    assert dict(lines(report))["Files left"] == "10 with 10.0 KiB; see --keep PATTERN and --leave-out PATTERN"


def test_of_many_things_to_look_at_the_number_is_reported():
    assert lines()[-1] == ("", "and 1 more: see --full")


def test_nothing_is_said_of_what_there_is_not():
    shown = dict(headline({**MANIFEST, "personal_data": []}, 1, {}))
    assert set(shown) == {"Application", "Size", "Server needs"}


def test_the_rest_is_grouped_by_reason_not_by_place():
    found = {section.title: section.rows for section in sections(MANIFEST, 1, REPORT)}
    assert found["Seen and left"] == [("with another port", "1 places: a.js")]
    assert found["Left behind"][1] == ("ps_orders", "5 rows: customers and what they left")
    assert found["Rows in the bundle"] == [("tables that came whole", "1"), ("ps_log", "0 of 900 rows")]


def test_secrets_blanked_in_comments_are_reported_by_place_and_masked():
    one = {"file": "plugins/x/a.php", "line": 63, "what": "secret key of Mailchimp", "shown": "24…20 (37 characters)"}
    shown = dict(lines({"blanked_comments": [one]}))["Blanked"]
    assert shown == "in comments, plugins/x/a.php line 63: secret key of Mailchimp, 24…20 (37 characters)"
    assert dict(lines({"blanked_comments": [one, one]}))["Blanked"] == f"{shown} and 1 more: see --full"
    (section,) = [s for s in sections(MANIFEST, 1, {"blanked_comments": [one, one]}) if "comments" in s.title]
    assert section.rows == [("plugins/x/a.php line 63", "secret key of Mailchimp, 24…20 (37 characters)")] * 2
