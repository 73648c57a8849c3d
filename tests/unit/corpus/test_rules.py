"""What the corpus runner takes for explained, and what it does not."""

import base64
import time
from types import SimpleNamespace

import pytest

from tests.corpus.compared import compare_tables, compare_tree, replaced, residue
from tests.corpus.template import Template

ROW = {"shop_url": "http://tea.example:8080/boutique/", "account": "tea", "domain": "tea.example", "shop_name": "Tea"}


def template(*addresses, **more):
    made = {"emails": ["owner@old.example"], "paths": ["/srv/template"], "name": "Old Shop", **more}
    return Template("prestashop", "ps_", addresses=list(addresses), **made)


def canonical(*addresses):
    known = {*replaced.template_values(template(*addresses)), *replaced.shop_values(ROW, "/home/tea/public_html")}
    return replaced.Canonical(sorted(known, key=lambda one: -len(one[1])))


@pytest.mark.parametrize(
    "old, new",
    [
        ("http://old.example/shop/img/1.jpg", "http://tea.example:8080/boutique/img/1.jpg"),
        ("https://old.example/shop/img/1.jpg", "http://tea.example:8080/boutique/img/1.jpg"),
        ('{"u":"http:\\/\\/old.example\\/shop\\/a"}', '{"u":"http:\\/\\/tea.example:8080\\/boutique\\/a"}'),
        ('s:24:"http://old.example/shop/";', 's:33:"http://tea.example:8080/boutique/";'),
        ("?to=http%3A%2F%2Fold.example%2Fshop%2Fx", "?to=http%3A%2F%2Ftea.example%3A8080%2Fboutique%2Fx"),
        ("/srv/template/img", "/home/tea/public_html/img"),
        ("owner@old.example wrote", "tea@example.com wrote"),
        ("Welcome to Old Shop!", "Welcome to Tea!"),
        ("/shop/img/1.svg", "/boutique/img/1.svg"),
        ('"icon":"\\/shop\\/img"', '"icon":"\\/boutique\\/img"'),
    ],
)
def test_what_every_shop_has_of_its_own_is_replaced(old, new):
    same = canonical("old.example/shop/")
    assert same(old.encode()) == same(new.encode())


def test_a_folder_named_as_the_shop_is_taken_out_of_links():
    prestashop = template("localhost/prestashop/", name="PrestaShop")
    known = [*replaced.template_values(prestashop), *replaced.shop_values(ROW, "/home/tea/public_html")]
    same = replaced.Canonical(sorted(known, key=lambda one: -len(one[1])))
    assert same(b"/prestashop/modules/x/img/1.svg") == same(b"/boutique/modules/x/img/1.svg")
    assert same(b"http://localhost/prestashop/1.svg") == same(b"http://tea.example:8080/boutique/1.svg")


def test_a_path_of_windows_is_replaced_whatever_its_separators():
    windows = template("old.example/")
    windows.paths = ["C:\\xampp\\htdocs\\shop"]
    known = [*replaced.template_values(windows), *replaced.shop_values(ROW, "/home/tea/public_html")]
    same = replaced.Canonical(sorted(known, key=lambda one: -len(one[1])))
    for old in (rb"C:\\xampp\\htdocs\\shop\\img", rb"C:\xampp\htdocs\shop\img", rb"C:\/xampp\/htdocs\/shop\/img"):
        assert same(old) == same(b"/home/tea/public_html/img")
    assert same(rb"C:\xampp\htdocs\shop\img") != same(b"/home/tea/public_html/pdf")


def test_what_was_replaced_within_base64_is_replaced():
    same = canonical("old.example/shop/")
    texts = ("<a href='http://old.example/shop/'>here</a>", "<a href='http://tea.example:8080/boutique/'>here</a>")
    old, new = (base64.b64encode(text.encode()) for text in texts)
    assert same(old) == same(new)


@pytest.mark.parametrize(
    "old, new",
    [
        ("http://old.example/shop/img/1.jpg", "http://tea.example:8080/boutique/img/2.jpg"),
        ("a warehouse for tea", "a tea.example:8080 for tea"),
        ("price 10", "price 11"),
        ("$vendorDir . '/shop/src'", "$vendorDir . '/src/shop'"),
        ("../shop/img", "../img"),
        ("http://old.example/shop/", ""),
    ],
)
def test_any_other_change_is_a_difference(old, new):
    same = canonical("old.example/shop/")
    assert same(old.encode()) != same(new.encode())


def test_a_secret_a_placeholder_and_an_address_are_residue():
    search = residue.Search(template("old.example/shop/", secrets={"cookie_key": "Kx82hdP0sLq1"}), set())
    assert search.found_in(b"key = 'Kx82hdP0sLq1'") == {"secret cookie_key"}
    assert search.found_in(b"@@SL12ab34cd:domain:raw@@") == {"placeholder"}
    assert search.found_in(b"//old.example/shop/x") == {"domain old.example"}
    assert search.found_in(b"nothing") == set()


def test_a_developers_machine_is_residue_where_its_shop_was_and_not_as_a_word():
    search = residue.Search(template("localhost/prestashop/"), set())
    assert search.found_in(b"src='http://localhost/prestashop/img'") == {"address"}
    assert search.found_in(b'"http:\\/\\/localhost\\/prestashop\\/img"') == {"address"}
    assert search.found_in(b"host = localhost; see http://localhost/elsewhere and memcached://localhost") == set()


@pytest.fixture
def trees(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for root in (old, new):
        (root / "img").mkdir(parents=True)
        (root / "index.php").write_text("<?php echo 1;\n")
        (root / "img" / "logo.png").write_bytes(bytes(range(200)))
    (old / "config.php").write_text("<?php return 'http://old.example/shop/';\n")
    (new / "config.php").write_text("<?php return 'http://tea.example:8080/boutique/';\n")
    return old, new


def test_a_tree_whose_only_changes_are_replacements_has_no_difference(trees):
    found = compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"))
    assert (found["files"], found["same"], found["explained"]) == (3, 2, {"replaced": 1})
    assert found["unexplained"] == []


def test_a_changed_a_lost_and_a_foreign_file_are_differences(trees):
    _old, new = trees
    (new / "img" / "logo.png").write_bytes(b"another")
    (new / "index.php").unlink()
    (new / "left.php").write_text("")
    found = compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"))
    assert {one["file"]: one["what"].split()[0] for one in found["unexplained"]} == {
        "index.php": "is", "left.php": "is", "img/logo.png": "differs",
    }  # fmt: skip
    assert found["unexplained_total"] == 3


@pytest.mark.parametrize(("what", "left"), [("written anew: the template has none", 0), ("a line is left out", 1)])
def test_a_file_the_report_says_is_written_anew_is_no_difference(trees, what, left):
    (trees[1] / "img" / "c").mkdir()
    (trees[1] / "img" / "c" / "index.php").write_text("")
    report = {"rewriting": {"notes": [{"place": "img/c/index.php", "what": what}]}}
    assert compare_tree.compare(*map(str, trees), report, canonical("old.example/shop/"))["unexplained_total"] == left


@pytest.mark.parametrize(("path", "left"), [("app/config/parameters.php", 0), ("app/config/parameters.php.old", 1)])
def test_settings_the_report_says_are_written_are_no_difference(trees, path, left):
    (trees[1] / path).parent.mkdir(parents=True)
    (trees[1] / path).write_text("<?php return [];")
    report = {
        "settings_written": ["app/config/parameters.php was missing: written as PrestaShop 9.0.2's installer does"]
    }
    assert compare_tree.compare(*map(str, trees), report, canonical("old.example/shop/"))["unexplained_total"] == left


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("img/p/en-default-cart_default.jpg", 0), ("img/su/pl-default-default_xs.webp", 0), ("img/p/en-default.php", 1),
        ("img/p/17-cart_default.jpg", 1), ("img/cms/en-default-cart_default.jpg", 1),
    ],
)  # fmt: skip
def test_a_new_picture_in_place_of_missing_ones_is_prestashops(trees, path, left):
    (trees[1] / path).parent.mkdir(parents=True, exist_ok=True)
    (trees[1] / path).write_bytes(b"picture")
    assert compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"))["unexplained_total"] == left


@pytest.mark.parametrize(
    ("path", "size", "left"),
    [
        ("modules/gamification/views/css/advice-1.6.0.14_324.css", 0, 0),
        ("modules/gamification/views/css/advice-1.6.0.14_324.css", 7, 1),
        ("modules/gamification/views/css/gamification.css", 0, 1), ("modules/other/config.xml", 0, 1),
    ],
)  # fmt: skip
def test_only_what_a_module_fetches_anew_may_have_become_empty(trees, path, size, left):
    for root, text in zip(trees, ("a.b {}", "x" * size), strict=True):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    assert compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"))["unexplained_total"] == left


@pytest.mark.parametrize(("target", "left"), [("../vendor/a", 0), ("../vendor/b", 1), ("/var/www/html/vendor/a", 1)])
def test_a_link_below_a_former_root_of_the_tree_leads_to_the_same_below_its_own(trees, target, left):
    for root, leads in zip(trees, ("/var/www/html/vendor/a", target), strict=True):
        (root / "bundles").mkdir()
        (root / "bundles" / "a").symlink_to(leads)
    found = compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"), ["/srv/a", "/var/www/html"])
    assert found["unexplained_total"] == left


@pytest.mark.parametrize(
    ("name", "made", "left"),
    [
        ("config/themes/classic/shop1.json", "/home/tea/public_html", 0),
        ("config/themes/classic/shop1.json", "/home/other/public_html", 1),
        ("modules/a/shop1.json", "/home/tea/public_html", 1),
    ],
)
def test_a_root_of_one_part_is_replaced_in_a_themes_record_and_nowhere_else(trees, name, made, left):
    for root, path in zip(trees, ("/app", made), strict=True):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(f'{{"directory":"{path}/themes/classic/"}}'.replace("/", "\\/"))
    found = compare_tree.compare(*map(str, trees), {}, canonical("old.example/shop/"))
    assert [one["file"] for one in found["unexplained"] if one["file"] == name] == [name] * left


@pytest.mark.parametrize("said", ["backup", "backup/shop.sql", "*.sql"])
def test_a_file_the_report_leaves_out_is_explained(trees, said):
    old, _new = trees
    (old / "backup").mkdir()
    (old / "backup" / "shop.sql").write_text("INSERT")
    report = {"left_out": [{"path": said, "reason": "a dump"}]}
    found = compare_tree.compare(*map(str, trees), report, canonical("old.example/shop/"))
    assert found["unexplained"] == [] and found["explained"]["left out, as the report says"] == 1


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        ("// key         of http://tea.example:8080/boutique/\n", "secrets in comments, blanked as the report says"),
        ("// key         of http://tea.example:8080/other/\n", None),
        ("// key KEY-KEY of http://x/\n", None),
        ("// kez         of http://tea.example:8080/boutique/\n", None),
        ("", None),
    ],
)
def test_of_a_file_with_a_blanked_comment_blanks_alone_are_explained(trees, made, rule):
    old, new = trees
    (old / "config.php").write_text("// key KEY-KEY of http://old.example/shop/\n")
    (new / "config.php").write_text(made)
    for file in ("config.php", "another.php"):
        report = {"blanked_comments": [{"file": file, "line": 1, "what": "secret key", "shown": "K…"}]}
        found = compare_tree.compare(*map(str, trees), report, canonical("old.example/shop/"))
        explained = rule is not None and file == "config.php"
        assert found["explained"] == ({rule: 1} if explained else {}) and len(found["unexplained"]) == (not explained)


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("uploads/2017/1-1-433x516.jpg", True), ("img/c/3-medium_default.jpg", True), ("img/c/3_thumb-home.jpg", True),
        ("uploads/2017/9-433x516.jpg", False), ("img/c/4-medium_default.jpg", False), ("img/c/3-medium.php", False),
    ],
)  # fmt: skip
def test_only_a_size_of_a_picture_of_the_template_is_one_the_shop_makes(path, is_one):
    assert compare_tree.is_size(path, {"uploads/2017/1-1.jpg", "img/c/3.jpg"}) is is_one


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("yaml/5802864013e68e55d76207f690d90054.php", True), ("config/yaml/parsed.php", False),
        ("webservice/yaml/76a40f46af300c63b18d3b29c5a7337b.php.meta", True), ("modules/x/yaml/theme.yml", False),
    ],
)  # fmt: skip
def test_what_prestashop_keeps_of_a_themes_description_is_a_cache_wherever_it_runs(path, is_one):
    assert bool(compare_tree.CACHES.search(path)) is is_one


#: Stand for the time of the test: names of tests must not change.
SECOND, MOMENT = b"this second", b"this moment"


def picture(width, sizes):
    return b'a:2:{s:5:"width";i:%d;s:5:"sizes";%b}' % (width, sizes)


@pytest.mark.parametrize(
    ("before", "after", "is_made"),
    [
        (b"1700000000", SECOND, True), (b"1700000000", b"1700000001", False),
        (b"1", b"0", False), (b"2020-01-01 10:00:00", b"2020-01-02 10:00:00", False),
        (b"2020-01-01 10:00:00", MOMENT, True), (None, b"1", False),
        (b"17", SECOND, False),
        (picture(9, b"a:0:{}"), picture(9, b"a:1:{i:0;i:1;}"), True),
        (picture(9, b"a:0:{}"), picture(8, b"a:1:{i:0;i:1;}"), False),
    ],
)  # fmt: skip
def test_only_the_time_of_a_visit_and_a_pictures_new_sizes_are_made_by_visits(before, after, is_made):
    now = {SECOND: str(int(time.time())), MOMENT: time.strftime("%Y-%m-%d %H:%M:%S")}
    after = now.get(after, "").encode() or after
    assert compare_tables._is_made_by_visits(before, after, "meta_value price") is is_made


def test_only_what_counts_visits_may_have_grown_and_little():
    assert compare_tables._is_made_by_visits(b"1", b"3", "meta_value product_views_count")
    assert not compare_tables._is_made_by_visits(b"1", b"3", "meta_value price")
    assert not compare_tables._is_made_by_visits(b"1", b"300", "meta_value product_views_count")


@pytest.mark.parametrize(
    ("name", "before", "after", "left"),
    [
        ("woocommerce_coming_soon", b"yes", b"no", 0), ("coming_soon", b"yes", b"no", 1),
        ("woocommerce_share_key", b"A1b2C3d4", b"", 0), ("woocommerce_share_key", b"A1b2C3d4", b"E5f6G7h8", 1),
        ("shop_link_text", b"A1b2C3d4", b"", 1),
    ],
)  # fmt: skip
def test_a_setting_of_a_living_shop_and_the_key_to_a_closed_one_are_explained(name, before, after, left):
    report = {"living_shop": {"option woocommerce_coming_soon": "the shop is open"}}
    work = compare_tables._Comparison(None, ("old", "new"), report, bytes, "wp_", frozenset())
    key = name.encode()
    work._row("wp_options", ["option_name", "option_value"], [key, before], [key, after], (key,))
    assert work.result(1)["unexplained_total"] == left


@pytest.mark.parametrize("table, left", [("ps_configuration_kpi", 0), ("ps_configuration", 1)])
def test_a_figure_of_the_dashboard_changes_when_its_owner_comes_a_setting_does_not(table, left):
    work = compare_tables._Comparison(None, ("old", "new"), {}, bytes, "ps_", frozenset())
    work._row(table, ["name", "value"], [b"UPDATE_MODULES", b"99"], [b"UPDATE_MODULES", b"9"], (b"UPDATE_MODULES",))
    assert work.result(1)["unexplained_total"] == left


@pytest.mark.parametrize(
    ("table", "before", "after", "left"),
    [
        ("ps_employee", None, b"", 0),
        ("ps_employee", b"", None, 1),
        ("ps_employee", b"#fff", b"", 1),
        ("ps_shop", None, b"", 1),
    ],
)
def test_a_text_of_an_employee_that_was_null_may_be_empty_after_a_visit_of_the_dashboard(table, before, after, left):
    server = SimpleNamespace(rows=lambda *_arguments, **_more: [])
    work = compare_tables._Comparison(server, ("old", "new"), {}, bytes, "ps_", frozenset())
    work._row(table, ["id_employee", "bo_color"], [b"1", before], [b"1", after], (b"1",))
    assert len(work._found) == left


@pytest.mark.parametrize(
    ("old", "left"), [(b"_transient_timeout_a", 0), (b"WPLANG", 1), (b"blogname", 2)]
)  # fmt: skip
def test_a_new_row_may_take_the_number_of_one_that_visits_write_and_of_no_other(old, left):
    server = SimpleNamespace(
        columns=lambda *_: {"option_id": "", "option_name": "", "option_value": ""}, key=lambda *_: ["option_id"],
        content=lambda base, *_: [(b"9", old, b"1") if base == "old" else (b"9", b"WPLANG", b"fa_IR")],
    )  # fmt: skip
    work = compare_tables._Comparison(server, ("old", "new"), {}, bytes, "wp_", frozenset())
    work.table("wp_options")
    assert work.result(1)["unexplained_total"] == left
