"""A client of Shoplaunch: orders shops and asks for their status. Needs Python 3.8, no library.

    client = Client("https://control.example.com", "shop-portal", secret)
    client.order({"server": "web1", "bundle": "boutique", "domain": "shop.example", "email": "a@shop.example"})
    client.service("4711")["state"]

The interface is described by /api/v1/openapi.json of the controller.
"""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

TIMEOUT_SECONDS = 45
#: No answer is longer.
LARGEST_ANSWER_BYTES = 1024 * 1024


def signature(secret, timestamp, event, method, target, body):
    """Return the value of X-Shoplaunch-Signature; `target` is path?query as it is sent, `body` the bytes."""
    text = "\n".join((timestamp, event, method.upper(), target, hashlib.sha256(body).hexdigest()))
    return "v1=" + hmac.new(secret.encode("ascii"), text.encode("utf-8"), hashlib.sha256).hexdigest()


class Refused(Exception):
    """The controller refused a request. `code` is stable, None where HTTP itself refused it; `advice` is for people."""

    def __init__(self, status, problem):
        super().__init__(problem.get("message") or problem.get("title") or f"HTTP {status}")
        self.status = status
        self.code = problem.get("code")
        self.advice = problem.get("advice", "")
        self.retryable = bool(problem.get("retryable", status >= 500))


class Client:
    """Signs requests with the key `key` and its `secret`, both from `shoplaunch key add`.

    Raises Refused for an answer that is none of success, OSError where the controller does not answer.
    """

    def __init__(self, url, key, secret, timeout=TIMEOUT_SECONDS):
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("the controller's address has to begin with https://")
        self.url, self.key, self.secret, self.timeout = url.rstrip("/"), key, secret, timeout

    def order(self, order, event=None):
        """Order one shop, or report what happened to a service (a dict); return its status. To send a request again,
        give the same `event` (a UUID): what it asks for is done once."""
        return self.ask("POST", "/api/v1/orders", order, event)

    def service(self, service):
        """Return the status of a service of this key's, or of the job with that id."""
        return self.ask("GET", self._path(service))

    def retry(self, service, step=None, event=None):
        """Run the failed step of the service's job again, or `step`; return the status."""
        return self.ask("POST", self._path(service) + "/retry", {"step": step}, event)

    def ask(self, method, target, document=None, event=None):
        """Send a signed request with `document` as its JSON body; return the answer's document."""
        body = b"" if document is None else json.dumps(document).encode("utf-8")
        headers = self.headers(method, target, body, event)
        request = urllib.request.Request(self.url + target, body or None, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                return json.loads(answer.read(LARGEST_ANSWER_BYTES).decode("utf-8"))
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, _problem(refusal.read(LARGEST_ANSWER_BYTES))) from None

    def headers(self, method, target, body, event=None):
        """Return the headers of a request that is sent now."""
        stamp, event = str(int(time.time())), event or str(uuid.uuid4())
        return {
            "X-Shoplaunch-Key": self.key,
            "X-Shoplaunch-Timestamp": stamp,
            "X-Shoplaunch-Event": event,
            "X-Shoplaunch-Signature": signature(self.secret, stamp, event, method, target, body),
            "Content-Type": "application/json",
        }

    @staticmethod
    def _path(service):
        return "/api/v1/services/" + urllib.parse.quote(str(service), safe="")


def _problem(body):
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
