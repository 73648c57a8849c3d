"""PrestaShop's own block of `.htaccess`: written for version and settings, in the place of the old one."""

import re

import pytest

from controller.recipes.prestashop.files.htaccess import OwnBlock, split

NONCE = "1a2b3c4d"
ALL_ON = dict.fromkeys(
    ["PS_REWRITING_SETTINGS", "PS_HTACCESS_CACHE_CONTROL", "PS_HTACCESS_DISABLE_MODSEC",
     "PS_HTACCESS_DISABLE_MULTIVIEWS", "PS_LEGACY_IMAGES", "PS_WEBSERVICE_CGI_HOST"], "1",
)  # fmt: skip
ON = {"PS_REWRITING_SETTINGS": "1"}
VERSIONS = ["1.6.0.5", "1.6.1.24", "1.7.0.6", "1.7.4.4", "1.7.6.9", "1.7.8.11", "8.0.0", "8.0.5", "8.2.1", "9.0.2"]
OLD = b"# ~~start~~ Do not\nRewriteEngine on\nRewriteCond %{HTTP_HOST} ^localhost$\n# ~~end~~ Do not"


def block(version, settings=None):
    return OwnBlock(tuple(map(int, version.split("."))), ON if settings is None else settings, NONCE)


def filled(made, domain="new.example", base="/s/"):
    text = made.template().decode()
    return text.replace(f"@@SL{NONCE}:domain:raw@@", domain).replace(f"@@SL{NONCE}:base_uri:raw@@", base)


def rewritten(text, address):
    """Return where the first rule that fits leads, as Apache would go through them."""
    for pattern, target in re.findall(r"^RewriteRule (\S+) %\{ENV:REWRITEBASE\}(\S+) \[", text, re.M):
        found = re.search(pattern, address)
        if found:
            return re.sub(r"\$(\d)", lambda one: found.group(int(one[1])) or "", target)
    return None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("digits", [1, 2, 5, 7])
@pytest.mark.parametrize("kind", ["", "-home_default", "-large_default"])
def test_a_pictures_address_leads_to_its_file_whatever_its_number(version, digits, kind):
    number = "1234567"[:digits]
    wanted = f"img/p/{'/'.join(number)}/{number}{kind}.jpg"
    assert rewritten(filled(block(version)), f"{number}{kind}/blue-shirt.jpg") == wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_categories_have_their_pictures_and_other_addresses_go_to_the_shop(version):
    text = filled(block(version))
    assert rewritten(text, "c/3-category_default/shirts.jpg") == "img/c/3-category_default.jpg"
    assert rewritten(text, "c/en-default/x.jpg") == "img/c/en-default.jpg"
    assert rewritten(text, "api/products/1") == "webservice/dispatcher.php?url=products/1"
    assert rewritten(text, "3-shirts/12-shirt.html") == "index.php"


@pytest.mark.parametrize(
    ("version", "address", "target"),
    [("8.2.1", "12-home_default/x.webp", "img/p/1/2/12-home_default.webp"),
     ("8.0.5", "12-home_default/x.webp", "index.php"), ("9.0.0", "c/3_thumb-small/x.jpg", "img/c/3_thumb-small.jpg"),
     ("1.7.8.7", "upload/abc", "index.php"), ("9.0.0", "12/x.avif", "img/p/1/2/12.avif")],
)  # fmt: skip
def test_versions_have_their_own_rules(version, address, target):
    assert rewritten(filled(block(version)), address) == target


def test_customers_files_go_through_the_shop_since_it_guards_them():
    versions = ("1.7.8.7", "1.7.8.8", "8.0.1", "8.0.2", "9.0.0")
    guarded = [version for version in versions if "RewriteRule ^upload/" in filled(block(version))]
    assert guarded == ["1.7.8.8", "8.0.2", "9.0.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_only_account_and_folder_are_filled_in(version):
    text = filled(block(version, ALL_ON))
    assert "REWRITEBASE:/s/]" in text and "ErrorDocument 404 /s/index.php?controller=404" in text
    assert ("%{HTTP_HOST} ^new.example$" in text) == (version not in ("1.6.0.5", "1.6.1.24", "1.7.0.6"))
    assert text.startswith("# ~~start~~ ") and "\n# ~~end~~ " in text and "@@" not in text


@pytest.mark.parametrize("version", VERSIONS)
def test_settings_switch_parts_off(version):
    off = filled(block(version, dict.fromkeys(ALL_ON, "0")))
    for part in ("img/p/", "ExpiresActive", "SecFilter", "Multiviews", "HTTP_AUTHORIZATION", "REQUEST_FILENAME"):
        assert part not in off
        assert part in filled(block(version, ALL_ON))
    assert "webservice/dispatcher.php" in off and "ErrorDocument 404" in off


def kept(text):
    return text.replace(b"owner", b"OWNER")


def test_the_owners_lines_stay_before_and_behind_and_every_old_block_goes():
    text = b"# owner 1\n\n" + OLD + b"\n\n# owner 2\n" + OLD + b"\n# owner 3\n"
    made = block("8.2.1")
    new = made.put_into(text, kept)
    assert new.startswith(b"# OWNER 1\n\n# ~~start~~") and b"localhost" not in new
    assert new.count(made.template()) == new.count(b"~~start~~") == 1
    assert new.split(made.template())[1].split() == b"# OWNER 2 # OWNER 3".split()
    assert split(new)[1] == made.template()


def test_where_there_is_none_it_is_written_only_if_addresses_need_it():
    assert block("8.2.1").put_into(b"# owner\n", kept) == b"# OWNER\n\n" + block("8.2.1").template() + b"\n"
    assert block("8.2.1", {}).put_into(b"# owner\n", kept) == b"# OWNER\n"
    assert block("8.2.1").put_into(b"", kept) == block("8.2.1").template() + b"\n"
    assert block("8.2.1").warnings(b"# owner\n") and not block("8.2.1", {}).warnings(b"# owner\n")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("other", VERSIONS)
def test_lines_of_other_versions_are_no_loss_and_lines_of_others_are_reported(version, other):
    old = filled(block(version, ALL_ON), "localhost:8080", "/").encode()
    assert block(other, ON).warnings(old) == []
    (reported,) = block(other, ON).warnings(
        old.replace(b"RewriteEngine on\n", b"RewriteEngine on\nRewriteRule ^x$ /y [R]\n")
    )
    assert reported.endswith("left out:\nRewriteRule ^x$ /y [R]")
