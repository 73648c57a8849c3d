"""Headers that no browser and no program sends end in a refusal, and fill no log with tracebacks."""

import pytest
import requests

from tests.attacks.table import attack

SECONDS = 30
HEADERS = {
    "a host's label without end": ("/admin/", {"Host": "x" * 5000}),
    "a host's label that is too long": ("/admin/login", {"Host": "x" * 64 + ".example"}),
    "a host's label, of a program": ("/api/v1/orders", {"Host": "x" * 64}),
    "a year no machine counts": (
        "/static/shoplaunch.css",
        {"If-Modified-Since": "Mon, 01 Jan 99999999999 00:00:00 GMT"},
    ),
}


@attack(
    "a stranger sends a host's name, or a date, that nothing could be made of, again and again",
    "it is refused as what it is: no page of a failure, no forty lines in the log each time",
)
@pytest.mark.parametrize(("path", "headers"), HEADERS.values(), ids=HEADERS)
def test_a_header_nobody_sends_is_refused(site, path, headers):
    before = len(site.log())
    answer = requests.get(site.url + path, headers=headers, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 400
    assert "Traceback" not in site.log()[before:]
