"""The packer's plan: the recipe's own templates and the rewriter together, and what is searched for at the end."""

import shutil

import pytest

from controller.bundles.manifest import without_places
from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import TemplatePlan, make_plan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.tree.htaccess import LEFT_OUT, PROOFS
from shared.placeholders import token
from tests.support.shops.secret_samples import FORMS
from tests.unit.recipes.conftest import DOMAIN

SEARCHED = DOMAIN.encode()


@pytest.fixture
def plan(sample):
    with sample.source() as source:
        yield make_plan(Tree(sample.root), source)


def test_the_recipe_is_found_and_named(plan):
    assert plan.application == {"name": "prestashop", "version": "8.2.1", "recipe": "prestashop"}


def test_the_same_template_gives_the_same_nonce_and_fragments(sample):
    made = []
    for _ in range(2):
        with sample.source() as source:
            one = TemplatePlan(PrestaShop().inspect(sample.root, source, PackOptions()), "prestashop")
            table = source.tables["ps_configuration"]
            rows = [one.row(table, row) for row in source.rows(table)]
        made.append((one.nonce, rows, dict(one.fragments())))
    assert made[0] == made[1]


def test_file_names_and_links_are_templates_too(plan, sample):
    names = [entry.path for entry in Tree(sample.root).entries(plan.left_out)]
    assert any(SEARCHED in name for name in names)
    assert not any(SEARCHED in plan.path(name) or b"admin742sample" in plan.path(name) for name in names)


def test_no_kept_file_of_the_sample_names_the_template(plan, sample):
    tree = Tree(sample.root)
    for entry in tree.entries(plan.left_out):
        if entry.kind == "file":
            template = plan.file(entry.path, tree.read(entry))
            assert SEARCHED not in template, entry.path
            assert str(sample.root).encode() not in template, entry.path


FROM_ROOT = b"""<img src="/img/star.svg"><a href='/'>home</a><p style="background:url(/img/a.png)">
<img src="//cdn.example.org/a.png"><img src="{$urls.img_url}/b.png"><a href="#/top">up</a> "/img/c.png" """


def test_addresses_from_the_root_in_the_themes_code_are_counted_and_stay(plan):
    for path in (b"themes/own/page.tpl", b"themes/own/page.css", b"themes/own/page.js", b"modules/one/page.tpl"):
        assert plan.file(path, FROM_ROOT) == FROM_ROOT
    branch = plan.branch()
    branch.file(b"themes/own/page.tpl", b"<form action=/search>" + FROM_ROOT)
    plan.absorb(branch.seen())
    places = {"themes/own/page.tpl": 6, "themes/own/page.css": 3}
    assert plan.report()["rewriting"]["from_root"] == {"count": 9, "places": places}
    assert "from_root" not in plan.branch().report()["rewriting"]
    assert "from_root" not in without_places(plan.report())


def test_the_domain_itself_is_searched_for_at_the_end(plan):
    assert SEARCHED in plan.manifest()["residue"]
    assert SEARCHED in plan.forbidden().values()


def test_names_of_others_narrow_the_search_and_do_not_end_it(plan):
    plan.file(b"notes.html", b"see http://blog.template.shop.example/ and http://nottemplate.shop.example")
    residue = plan.manifest()["residue"]
    assert SEARCHED not in residue
    assert b"//" + SEARCHED + b"/" in residue
    assert "part of other names" in plan.unsearched()[DOMAIN]
    assert [one["reason"] for one in plan.report()["rewriting"]["left"]] == ["a sub-domain", "part of a longer name"]


def test_a_domain_in_a_binary_file_is_still_searched_for(plan):
    plan.file(b"a.bin", b"\0\1http://template.shop.example/\0")
    assert SEARCHED in plan.manifest()["residue"]


def test_redirects_to_the_template_itself_are_left_out_and_that_is_reported(plan):
    own = b"RewriteRule ^(.*)$ https://www.template.shop.example/$1 [R=301,L]\n"
    rules = b"# ~~start~~\nRewriteRule . - [E=REWRITEBASE:/]\n# ~~end~~ here"
    written = plan.file(b".htaccess", own + rules)
    assert written.startswith(PROOFS) and own not in written and b"here" not in written
    assert written.removeprefix(PROOFS).lstrip().startswith(b"# ~~start~~")
    assert b"[E=REWRITEBASE:" + token(plan.nonce, "base_uri") + b"]" in written
    assert plan.file(b"x/.htaccess", own + b"Options -Indexes\n") == b"Options -Indexes\n"
    notes = plan.report()["rewriting"]["notes"]
    assert [(note["place"], note["what"]) for note in notes] == [(".htaccess", LEFT_OUT), ("x/.htaccess", LEFT_OUT)]


def test_prestashops_own_rules_are_no_reason_to_warn(plan):
    plan.file(b".htaccess", b"# ~~start~~\nRewriteRule ^api$ api/ [L]\n# ~~end~~ here\n")
    assert plan.report()["rewriting"]["notes"] == []
    assert plan.added() == {}


def test_a_shop_whose_addresses_need_rules_gets_them_where_the_tree_has_none(own_sample):
    (own_sample.root / ".htaccess").unlink()
    with own_sample.source() as source:
        made = make_plan(Tree(own_sample.root), source)
        (content,) = made.added().values()
        assert content.startswith(PROOFS + b"# ~~start~~") and b"^" + token(made.nonce, "domain") + b"$" in content
        (note,) = made.report()["rewriting"]["notes"]
    assert (note["place"], note["what"].split(":")[0]) == (".htaccess", "written anew")
    own_sample.query("UPDATE ps_configuration SET value = '0' WHERE name = 'PS_REWRITING_SETTINGS'")
    with own_sample.source() as source:
        assert make_plan(Tree(own_sample.root), source).added() == {}


@pytest.mark.parametrize(("is_active", "is_there", "made"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_a_folder_the_menu_lists_at_every_page_is_made_where_the_tree_lost_it(own_sample, is_active, is_there, made):
    folder = own_sample.root / "img/c"
    folder.mkdir(parents=True, exist_ok=True)
    if not is_there:
        shutil.rmtree(folder)
    if is_active:
        own_sample.query("INSERT INTO ps_module (name, active, version) VALUES ('ps_mainmenu', 1, '2.3.4')")
    with own_sample.source() as source:
        plan = make_plan(Tree(own_sample.root), source)
        assert list(plan.added()) == [b"img/c/index.php"] * made
        assert [note["place"] for note in plan.report()["rewriting"]["notes"]] == ["img/c/index.php"] * made


def test_a_copied_tree_names_its_former_place_in_its_caches(own_sample):
    compiled = own_sample.root / "var/cache/prod/smarty/compile/ab"
    compiled.mkdir(parents=True)
    (compiled / "x.php").write_text("<?php /* compiled from '/home/old_user/www/themes/classic/templates/x.tpl' */")
    with own_sample.source() as source:
        made = make_plan(Tree(own_sample.root), source)
        filled = made.file(
            b"modules/x/paths.php", b"<?php return ['/home/old_user/www/download', '/home/old_user/tmp'];"
        )
    assert b"old_user" not in filled
    assert b":root:raw@@/download" in filled and b":home:raw@@/tmp" in filled


def test_what_a_recipe_leaves_of_a_cell_follows_the_shop_like_any_other(sample, monkeypatch):
    with sample.source() as source:
        made = make_plan(Tree(sample.root), source)
        table = source.tables["ps_configuration"]
        row = next(iter(source.rows(table)))
        kept = f'a:1:{{s:3:"url";s:{len(DOMAIN) + 8}:"http://{DOMAIN}/";}}'.encode()
        monkeypatch.setattr(
            made._template, "cells", lambda *_: {"value": kept, "date_upd": b"2020-01-01", "name": None}
        )
        written = dict(zip([column.name for column in table.stored], made.row(table, row), strict=True))
    assert SEARCHED not in written["value"] and b":shop.address:" in written["value"]
    assert (written["date_upd"], written["name"]) == (b"2020-01-01", None)


def test_a_number_that_is_made_anew_follows_into_the_settings_that_are_put_together_with_it(own_sample):
    number = "0f1e2d3c-4b5a-4697-8877-665544332211"
    for name, value in (("PS_MBO_SHOP_ADMIN_UUID", number), ("PS_MBO_SHOP_ADMIN_MAIL", f"mbo-{number}@maker.example")):
        columns = "(name, value, date_add, date_upd)"
        own_sample.query(f"INSERT INTO ps_configuration {columns} VALUES (%s, %s, NOW(), NOW())", name, value)
    with own_sample.source() as source:
        plan = make_plan(Tree(own_sample.root), source)
        table = source.tables["ps_configuration"]
        names = [column.name for column in table.stored]
        cells = [dict(zip(names, plan.row(table, row), strict=True)) for row in source.rows(table)]
    found = {cell["name"]: cell["value"] for cell in cells}
    new = token(plan.nonce, "secret.mbo_uuid")
    assert found[b"PS_MBO_SHOP_ADMIN_UUID"] == new
    assert found[b"PS_MBO_SHOP_ADMIN_MAIL"] == b"mbo-" + new + b"@maker.example"


def test_what_was_blanked_in_comments_is_reported_once_however_often_and_wherever_files_are_read(plan):
    key = FORMS["key of Mailchimp"].encode()
    branch = plan.branch()
    for one in (branch, branch, plan):
        made = one.file(b"modules/x/a.php", b"<?php\nf('http://" + SEARCHED + b"/'); // " + key + b"\n")
        assert key not in made and SEARCHED not in made
    plan.absorb(branch.seen())
    reported = {"file": "modules/x/a.php", "line": 2, "what": "secret key of Mailchimp"}
    (entry,) = plan.report()["blanked_comments"]
    assert {key: entry[key] for key in reported} == reported and key.decode() not in entry["shown"]
    assert not [one for one in plan.noticed() if one.place.file == "modules/x/a.php"]
    # Places of files are for the operator alone
    assert "blanked_comments" not in without_places(plan.report())
