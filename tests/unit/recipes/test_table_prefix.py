"""Tables that begin with another prefix than the tree says: taken where only one can be meant, refused otherwise."""

import pytest

from controller.recipes import table_prefix
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop
from shared.errors import ShoplaunchError

NEEDED = ("shop_url", "shop", "lang")


def database(*prefixes):
    return {prefix + name for prefix in prefixes for name in NEEDED}


@pytest.mark.parametrize(
    ("prefixes", "prefix"),
    [(("ps_",), "ps_"), (("ps_", "psx_"), "ps_"), (("psx_",), "psx_"), (("",), ""), (("a_", "b_"), "ps_"), ((), "ps_")],
)
def test_the_configured_prefix_wins_and_the_only_complete_one_is_taken(prefixes, prefix):
    assert table_prefix.chosen(database(*prefixes), "ps_", NEEDED) == prefix


@pytest.mark.parametrize(
    ("prefixes", "configured", "said", "prefix"),
    [(("ps_",), None, None, "ps_"), (("",), None, None, ""), (("a_", "b_"), "a_", None, "a_"),
     (("a_", "b_"), None, "b_", "b_"), (("a_", "b_"), "a_", "b_", "b_"), (("",), "a_", "", "")],
)  # fmt: skip
def test_what_the_operator_says_comes_first_then_the_files_then_the_only_set(prefixes, configured, said, prefix):
    assert table_prefix.found(database(*prefixes), NEEDED, configured, said) == prefix


@pytest.mark.parametrize(
    ("prefixes", "words"),
    [(("a_", "b_"), "2 complete sets of tables, which begin with 'a_', 'b_', and the files do not say which is theirs"),
     (("", "b_"), "say it, e.g. --table-prefix ''"), ((), "none has all of shop_url, shop, lang")],
)  # fmt: skip
def test_a_prefix_that_nobody_says_is_not_guessed(prefixes, words):
    with pytest.raises(ShoplaunchError) as caught:
        table_prefix.found(database(*prefixes), NEEDED, None, None)
    assert caught.value.code == "prefix_unknown" and words in caught.value.message


def test_a_refusal_names_what_is_configured_what_is_missing_and_what_there_is():
    with pytest.raises(
        ShoplaunchError, match=r"'ps_'.*lacks ps_shop_url, ps_shop, ps_lang; complete sets begin with a_, b_"
    ):
        table_prefix.require_tables(database("a_", "b_"), "ps_", NEEDED)
    with pytest.raises(ShoplaunchError, match=r"its tables begin with wp_ \(2 tables\)"):
        table_prefix.require_tables({"wp_options", "wp_posts"}, "ps_", NEEDED)
    with pytest.raises(ShoplaunchError, match=r"has tables with the prefix 'ps_', but lacks ps_lang: export it again"):
        table_prefix.require_tables(database("ps_") - {"ps_lang"}, "ps_", NEEDED)


def test_a_shop_whose_tables_were_renamed_is_understood_and_its_new_prefix_written(own_sample):
    for (table,) in own_sample.query("SHOW TABLES"):
        own_sample.query(f"RENAME TABLE `{table}` TO `psx_{table.removeprefix('ps_')}`")
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
    path = b"app/config/parameters.php"
    assert b"'database_prefix' => 'psx_'" in template.file(path, (own_sample.root / path.decode()).read_bytes())
    assert template.facts.table_prefix == "psx_"
    assert "'ps_'" in template.notes()[0] and "'psx_'" in template.notes()[0]
