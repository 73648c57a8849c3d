"""Variants of a real shop's database: what the order says and what keeps a new shop safe is never undone by one."""

import pytest

from tests.integration.packing.commands.test_command import PROJECT, run
from tests.support.shops.packing import server_url

VARIANTS = PROJECT / "packaging" / "demo" / "sample-shop" / "variants.toml"


@pytest.fixture
def pack(sample, mariadb_server):
    """A function: a file of variants and the bundle's path -> the finished process of `shoplaunch pack`."""
    root, url, password = sample
    scratch = server_url(mariadb_server)

    def packing(variants, target):
        return run("pack", "--docroot", root, "--database", url, "--scratch", scratch, "--variants", variants,
                   "-o", target, SHOPLAUNCH_SOURCE_PASSWORD=password)  # fmt: skip

    return packing


@pytest.mark.sampled(of=3, rests=True)
def test_the_same_shop_and_variants_give_the_same_bytes(pack, tmp_path):
    first, second = tmp_path / "1.bundle", tmp_path / "2.bundle"
    for target in (first, second):
        done = pack(VARIANTS, target)
        assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()


def setting(name, value):
    """Return a row that sets the setting without its name being said as a setting's."""
    return f'[[a.rows]]\ntable = "configuration"\nwhere = {{ name = "{name}" }}\nset = {{ value = "{value}" }}\n'


REFUSED = {
    "the language": ("[a]\nconfiguration = { PS_LANG_DEFAULT = 1 }\n", "configuration PS_LANG_DEFAULT undoes"),
    "the country": ("[a]\nconfiguration = { PS_COUNTRY_DEFAULT = 8 }\n", "configuration PS_COUNTRY_DEFAULT undoes"),
    "the language by row": (setting("PS_LANG_DEFAULT", 1), "rows 1 undoes"),
    "a language to choose": (
        '[[a.rows]]\ntable = "lang"\nwhere = { iso_code = "fa" }\nset = { active = 0 }\n', "rows 1 undoes",
    ),
    "https": ("[a]\nconfiguration = { PS_SSL_ENABLED = 1 }\n", "configuration PS_SSL_ENABLED: a new shop begins"),
    "https by row": (setting("PS_SSL_ENABLED", 1), "in ps_configuration.value"),
    "a key": ('[a]\nconfiguration = { SAMPLEPAY_API_KEY = "sk_live_12345" }\n', "configuration SAMPLEPAY_API_KEY: "),
    "a key by row": (setting("SAMPLEPAY_API_KEY", "sk_live_12345"), "in ps_configuration.value"),
    "the shop's name": (
        '[[a.rows]]\ntable = "shop"\nwhere = { id_shop = 1 }\nset = { name = "Mine" }\n', "in ps_shop.name",
    ),
}  # fmt: skip


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_every_new_shop_has_of_its_own_is_not_a_variants(pack, tmp_path, text, said):
    (tmp_path / "variants.toml").write_text(text)
    done = pack(tmp_path / "variants.toml", tmp_path / "v.bundle")
    assert done.returncode == 1
    assert "variant_invalid: variant a: " in done.stderr
    assert said in done.stderr
    assert not (tmp_path / "v.bundle").exists()
