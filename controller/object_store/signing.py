"""AWS Signature Version 4, of a request and of an address; all that is needed of it, and no library of 14 MB for it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
#: The bytes of what is fetched or removed: none.
EMPTY_SHA256 = sha256(b"").hexdigest()


@dataclass(frozen=True)
class Signer:
    """Signs for S3 with a pair of keys. Addresses hold only characters that need no quoting in their paths."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str

    def address(self, url: str, now: float, seconds: int) -> str:
        """Return `url` as an address that opens it for reading, without any header, until `seconds` after `now`."""
        parts, stamp = urlsplit(url), _stamp(now)
        values = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.access_key}/{self._scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(values.items()))
        canonical = f"GET\n{parts.path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        return f"{url}?{query}&X-Amz-Signature={self._signature(stamp, canonical)}"

    def headers(self, method: str, url: str, now: float, digest: str = EMPTY_SHA256) -> dict[str, str]:
        """Return the headers that sign the request for `url`; `digest` is the SHA-256 of its body."""
        parts, stamp = urlsplit(url), _stamp(now)
        signed = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        names = ";".join(signed)
        canonical = f"{method}\n{parts.path}\n\n{lines}\n{names}\n{digest}"
        credential = f"{self.access_key}/{self._scope(stamp)}"
        signature = self._signature(stamp, canonical)
        proof = f"{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
        return {"Host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp, "Authorization": proof}

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/s3/aws4_request"

    def _signature(self, stamp: str, canonical: str) -> str:
        text = f"{ALGORITHM}\n{stamp}\n{self._scope(stamp)}\n{sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in self._scope(stamp).split("/"):
            key = _mac(key, part)
        return _mac(key, text).hex()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
