"""A text names a client by what is the client's alone: neither a word of ours nor somebody else's longer name is it."""

import pytest

from controller.jobs.retention.naming import Client

SHOP = Client(
    frozenset({"J-17"}), frozenset({"shop.example"}), frozenset({"ann@mail.example"}),
    frozenset({"status", "annashop"}), ("whmcs", "42"),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "job J-17 is live", "shop.example leads elsewhere", "https://www.shop.example/admin", "info@shop.example",
        "SHOP.EXAMPLE.", "write to ann@mail.example", "annashop has another home", "account status is suspended",
        "the account 'status' is there", "/home/status/public_html", "database status_ps", "annashop@web1",
        "user `status`",
    ],
)  # fmt: skip
def test_a_sentence_that_names_the_client(text):
    assert SHOP.is_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "job J-171 is live", "blog.shop.example", "shop.example.com", "my-shop.example", "shop.example-two.com",
        "joann@mail.example", "ann@mail.example.org", "the status of a server", "annashop2 has another home",
        "the account statusquo is there", "/home/status2/",
    ],
)  # fmt: skip
def test_a_sentence_that_names_somebody_else_or_nobody(text):
    assert not SHOP.is_in(text)


def test_an_answer_is_the_clients_by_its_job_or_its_parent_or_before_there_is_one_by_key_and_service():
    assert SHOP.owns("another:1", {"id": "J-17"}) and SHOP.owns("another:1", {"id": "J-18", "parent": "J-17"})
    assert SHOP.owns("whmcs:1", {"id": None, "service_id": "42"})
    assert not SHOP.owns("whmcs:1", {"id": "J-18", "service_id": "42", "parent": None})
    assert not SHOP.owns("whmcs2:1", {"id": None, "service_id": "42"})
    assert not SHOP.owns("whmcs:1", {"id": None, "service_id": "421"})
    assert not Client().owns("whmcs:1", {"id": None, "service_id": None, "parent": None})


def test_of_an_answer_to_somebody_else_only_the_sentences_go_that_name_the_client():
    answer = {"account": "status", "error": {"message": "shop.example is taken", "code": "domain_taken"}, "steps": [
        {"note": "account annashop", "name": "status"}, {"note": "done", "name": "check"},
    ]}  # fmt: skip
    assert SHOP.erased_from(answer) == {
        "account": "status", "error": {"message": "", "code": "domain_taken"},
        "steps": [{"note": "", "name": "status"}, {"note": "done", "name": "check"}],
    }  # fmt: skip
