"""What is the controller's own failure is answered as such: senders keep what they have, and try again."""

import pytest

from controller.jobs.intake.refused_orders import is_refusal
from controller.web.support.problems import status_of
from shared.errors import CODES, ShoplaunchError

OURS = [code for code in CODES if not is_refusal(ShoplaunchError(code, ""))]


def test_some_failures_are_the_controllers():
    assert {"database_busy", "database_damaged", "config_invalid"} <= set(OURS)


@pytest.mark.parametrize("code", OURS)
def test_a_failure_of_the_controller_is_never_reported_as_the_senders_fault(code):
    """Billing gives an order up, and an agent a report, that is answered by 400."""
    assert status_of(code) >= 500


@pytest.mark.parametrize(
    ("code", "status"), [("job_unknown", 404), ("key_throttled", 429), ("order_invalid", 422), ("event_invalid", 400)]
)
def test_the_catalogue_says_the_http_status_of_an_error(code, status):
    assert status_of(code) == status == CODES[code].get("status", 400)
