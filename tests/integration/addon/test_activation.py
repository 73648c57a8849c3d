"""Activation makes tables and e-mail templates and never touches what somebody edited."""

import re

NAMES = ("Shoplaunch: request received", "Shoplaunch: shop ready", "Shoplaunch: shop delayed")
FIELDS = {
    "shop_domain", "shop_url", "shop_admin_url", "shop_login", "shop_password_link", "shop_password",
    "shop_password_to_choose", "shop_name_servers", "shop_status_url", "shop_persian", "shop_is_site",
}  # fmt: skip


def templates(whmcs):
    rows = whmcs.query("SELECT * FROM tblemailtemplates WHERE name LIKE 'Shoplaunch:%%' ORDER BY id")
    return {(row["name"], row["language"]): row for row in rows}


def test_activation_makes_tables_and_three_mails_with_both_languages_in_each(bare):
    assert bare.activate()["status"] == "success"
    assert bare.rows("mod_shoplaunch_services") == [] and bare.queue() == []
    made = templates(bare)
    assert set(made) == {(name, "") for name in NAMES}
    values = dict.fromkeys(FIELDS - {"shop_persian"} | {"client_name", "signature"}, "x")
    for row in made.values():
        assert (row["type"], row["disabled"]) == ("product", 0)
        persian, english = (bare.render(row["message"], **values, shop_persian=flag) for flag in ("1", ""))
        assert re.search("[آ-ی]", persian) and 'dir="rtl"' in persian
        assert not re.search("[آ-ی]", english) and 'dir="rtl"' not in english
        used = set(re.findall(r"\$(\w+)", row["subject"] + row["message"]))
        assert used <= FIELDS | {"client_name", "signature"}


def test_an_edited_template_and_an_own_translation_survive_every_activation(bare):
    bare.activate()
    bare.insert("tblemailtemplates", type="product", name=NAMES[0], language="german", subject="s", message="MEINS")
    bare.query("UPDATE tblemailtemplates SET message = 'MINE', disabled = 1 WHERE name = %s", NAMES[1])
    bare.query("DELETE FROM tblemailtemplates WHERE name = %s", NAMES[2])
    bare.deactivate()
    bare.activate()
    bare.do("upgrade", version="0.9.0")
    made = templates(bare)
    assert set(made) == {(NAMES[0], ""), (NAMES[0], "german"), (NAMES[1], ""), (NAMES[2], "")}
    assert (made[NAMES[0], "german"]["message"], made[NAMES[1], ""]["message"]) == ("MEINS", "MINE")
    assert made[NAMES[1], ""]["disabled"] == 1
    assert "longer" in made[NAMES[2], ""]["message"]


def test_a_template_that_was_there_before_the_addon_is_left_alone(bare):
    bare.insert("tblemailtemplates", type="product", name=NAMES[0], language="", subject="s", message="OLDER")
    bare.activate()
    assert [row["message"] for row in bare.rows("tblemailtemplates", name=NAMES[0])] == ["OLDER"]


def test_deactivation_lets_everybody_in_and_keeps_what_waits(watched, controller):
    controller.answer(503, "down", "text/html")
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    assert watched.page("/clientarea.php", action="productdetails", id=service, client=client).redirect
    watched.deactivate()
    assert "CLIENT-PASSWORD" in watched.page("/clientarea.php", action="productdetails", id=service, client=client).text
    assert [row["state"] for row in watched.queue()] == ["waiting"]


def test_an_activation_that_fails_says_so_without_details(bare):
    bare.query("DROP TABLE tblemailtemplates")
    answer = bare.activate()
    assert answer["status"] == "error" and "tblemailtemplates" not in answer["description"]
    assert any("activation failed: PDOException" in line for line in bare.log())


def test_the_mail_editor_gets_the_fields_of_product_mails_only(watched):
    assert set(watched.fire("EmailTplMergeFields", {"type": "product"})[0]) == FIELDS
    assert watched.fire("EmailTplMergeFields", {"type": "invoice"}) == [[]]


def test_the_settings_have_the_documented_shape(bare):
    config = bare.do("config")
    fields = ["controller_url", "api_key", "api_secret", "products", "variant_option", "folder_option"]
    assert [*fields, "wait_for_acceptance", "default_language"] == list(config["fields"])
    kinds = {"text", "password", "yesno", "dropdown", "radio", "textarea"}
    known = {"FriendlyName", "Type", "Size", "Default", "Description", "Options", "Rows", "Cols"}
    for field in config["fields"].values():
        assert field["Type"] in kinds and set(field) <= known
