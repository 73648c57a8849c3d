"""Answers of API 2 that concern several things at once."""

import pytest

from controller.panels.cpanel.api import answers


def fileop(*rows):
    """Return an answer of Fileman's fileop; the event itself went well."""
    return {
        "cpanelresult": {
            "apiversion": 2,
            "module": "Fileman",
            "func": "fileop",
            "event": {"result": 1},
            "data": list(rows),
        }
    }


DONE = {"src": "/home/a/run", "result": 1}
FAILED = {"src": "/home/a/job", "result": "0", "err": "No such file or directory"}


@pytest.mark.parametrize("rows", [(FAILED,), (FAILED, DONE), (DONE, FAILED)])
def test_one_that_failed_is_a_failure_of_all_with_its_words(rows):
    answer = answers.api2(fileop(*rows))
    assert (answer.ok, answer.text) == (False, "No such file or directory")


def test_where_each_was_done_all_were():
    assert answers.api2(fileop(DONE, DONE)).ok
