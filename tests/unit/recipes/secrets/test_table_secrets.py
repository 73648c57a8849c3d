"""Secrets in tables of modules: a column or a name says it, and what the value is."""

import pytest

from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import make_plan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.secrets.tables import MANY, MOST
from tests.unit.recipes.prestashop.test_modules import fill

TABLES = """
CREATE TABLE ps_x_mailbox (id int PRIMARY KEY, login varchar(40), smtp_password varchar(90), password_hint text);
INSERT INTO ps_x_mailbox VALUES (1, 'boss', 'Tr0ub4dor&3-mail', 'my dog'), (2, 'shop', '', NULL);
CREATE TABLE ps_x_settings (id int PRIMARY KEY, name varchar(40), value text);
INSERT INTO ps_x_settings VALUES (1, 'API_SECRET', 'q8Zk2LmP0vXw7RtY'), (2, 'API_SECRET_LABEL', 'Your secret key'),
  (3, 'TOKEN_LIFETIME', '86400'), (4, 'LICENSE', 'standard');
CREATE TABLE ps_x_design (id int PRIMARY KEY, uuid varchar(40), token varchar(40));
INSERT INTO ps_x_design VALUES (1, '0290fb1b-c8c4-469c-b7f3-3963a9a0eb21', 'my_module_token_name');
CREATE TABLE ps_x_visits (id int PRIMARY KEY, id_customer int, token varchar(40));
INSERT INTO ps_x_visits VALUES (1, 5, '4b1e9d7c2a6f8035e1d4c7b9');
"""
FOUND = {
    "ps_x_mailbox.smtp_password": b"Tr0ub4dor&3-mail",
    "ps_x_settings API_SECRET": b"q8Zk2LmP0vXw7RtY",
}


@pytest.fixture
def shop(own_sample):
    fill(own_sample, TABLES)
    return own_sample


def facts_of(shop, **options):
    with shop.source() as source:
        return PrestaShop().inspect(shop.root, source, PackOptions(**options)).facts


def test_they_are_known_by_column_and_by_name_and_nothing_else_is(shop):
    facts = facts_of(shop)
    assert {label: value for label, value in facts.secrets.items() if "ps_x_" in label} == FOUND
    # Only what they are called says it: the operator decides
    assert set(FOUND) <= facts.suspected


def test_tokens_of_customers_are_no_ones_business_where_customers_are_kept(shop):
    assert not any("ps_x_visits" in label for label in facts_of(shop, keep_customers=True).secrets)


def test_they_are_found_in_rows_that_are_packed(shop):
    with shop.source() as source:
        plan = make_plan(Tree(shop.root), source)
        forbidden, kinds = plan.forbidden(), plan.kinds()
    assert set(FOUND.values()) <= set(forbidden.values())
    assert all(kinds[f"secret {label}"] == "suspected secret" for label in FOUND)


def test_a_column_of_many_is_looked_at_so_far_and_that_is_reported(own_sample):
    own_sample.query("CREATE TABLE ps_x_codes (id int PRIMARY KEY, token varchar(40))")
    for number in range(MOST + 5):
        own_sample.query("INSERT INTO ps_x_codes VALUES (%s, MD5(%s))", number, number)
    facts = facts_of(own_sample)
    assert sum("ps_x_codes" in label for label in facts.secrets) == MOST
    assert facts.unsearched["secret ps_x_codes.token"] == MANY
