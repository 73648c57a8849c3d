"""An element of a page that was just left is recognised as stale, in whatever words chromedriver reports it."""

import json

import pytest
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

from tests.browser.chromium.chrome import StaleIsStale

LEFT = 'unknown error: unhandled inspector error: {"code":-32000,"message":"%s"}'


def answer(error, message):
    """Return a failed answer as the driver has it: `value` is the text chromedriver sent."""
    value = {"error": error, "message": message, "stacktrace": "#0 0x5641633f2682 <unknown>"}
    return {"status": 500, "value": json.dumps({"value": value})}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("stale element reference", "stale element reference: stale element not found"),
        ("unknown error", LEFT % "Node with given id does not belong to the document"),
        ("unknown error", LEFT % "No node with given id found"),
        ("unknown error", "aborted by navigation: Inspected target navigated or closed"),
    ],
)
def test_an_element_of_a_page_that_was_left_is_stale(error, message):
    with pytest.raises(StaleElementReferenceException) as caught:
        StaleIsStale().check_response(answer(error, message))
    assert caught.value.msg.startswith(message)


def test_another_error_stays_what_it_is():
    with pytest.raises(WebDriverException) as caught:
        StaleIsStale().check_response(answer("unknown error", "unknown error: cannot determine loading status"))
    assert not isinstance(caught.value, StaleElementReferenceException)


def test_an_answer_without_an_error_passes():
    StaleIsStale().check_response({"value": None})
