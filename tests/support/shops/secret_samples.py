"""Made-up secrets of every form the packer knows, drawn by number, and the ways in which they are written."""

import base64
import json
from hashlib import sha256
from urllib.parse import quote

from tests.unit.bundles.rewrite.helpers import serialize


def drawn(number, length, letters="0123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"):
    """Return characters as a machine draws them, the same for the same number."""
    digest = b"".join(sha256(f"{number}/{part}".encode()).digest() for part in range(1 + length // 32))
    return "".join(letters[byte % len(letters)] for byte in digest[:length])


HEX = "0123456789abcdef"
_LINES = "\n".join(drawn(n, 64) for n in range(6))
FORMS = {
    "key of Stripe": "sk_live_" + drawn(1, 24),
    "webhook secret of Stripe": "whsec_" + base64.b64encode(sha256(b"x").digest()).decode(),
    "key of AWS": "AKIA" + drawn(3, 16, "ABCDEFGHJKLMNPQRSTUVW234567"),
    "token of GitHub": "ghp_" + drawn(4, 36),
    "token of GitLab": "glpat-" + drawn(5, 20),
    "token of Slack": "xoxb-210987654321-210987654321-" + drawn(6, 24),
    "webhook of Slack": f"hooks.slack.com/services/T{drawn(7, 8)}/B{drawn(8, 8)}/{drawn(9, 24)}",
    "key of SendGrid": f"SG.{drawn(10, 22)}.{drawn(11, 43)}",
    "key of Brevo": f"xkeysib-{drawn(12, 64, HEX)}-{drawn(13, 16)}",
    "key of Mailchimp": f"{drawn(14, 32, HEX)}-us14",
    "token of Shopify": "shpat_" + drawn(15, 32, HEX),
    "access token of Google": "ya29." + drawn(16, 60),
    "refresh token of Google": "1//0" + drawn(17, 40),
    "client secret of Google": "GOCSPX-" + drawn(18, 28),
    "token of npm": "npm_" + drawn(19, 36),
    "token of DigitalOcean": "dop_v1_" + drawn(20, 64, HEX),
    "key of Square": "sq0csp-" + drawn(21, 43),
    "token of PayPal": f"access_token$production${drawn(22, 16)}${drawn(23, 32, HEX)}",
    "key of OpenAI": f"sk-{drawn(24, 20)}T3BlbkFJ{drawn(25, 20)}",
    "token of a Telegram bot": f"987654320:AA{drawn(26, 33)}",
    "web token": f"eyJ{drawn(27, 20)}.eyJ{drawn(28, 60)}.{drawn(29, 43)}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{_LINES}\n-----END RSA PRIVATE KEY-----",
    "token of Facebook": "EAAG" + drawn(30, 60) + "ZC" + drawn(31, 60),
    "key of Mollie": "live_" + drawn(32, 30),
}
WRITTEN = {
    "alone": lambda secret: secret.encode(),
    "code": lambda secret: b"<?php\n$key = '" + secret.encode() + b"';\n",
    "settings": lambda secret: b"[a]\nkey=" + secret.encode() + b"\nother=1\n",
    "element": lambda secret: b"<key>" + secret.encode() + b"</key>",
    "json": lambda secret: json.dumps({"a": secret}).replace("/", "\\/").encode(),
    "json in json": lambda secret: json.dumps({"a": json.dumps({"b": secret}).replace("/", "\\/")}).encode(),
    "json of numbers": lambda secret: (
        json.dumps({"a": secret}).replace("/", "\\u002f").replace("+", "\\u002B").encode()
    ),
    "serialized": lambda secret: serialize({b"a": secret.encode()}),
    "address": lambda secret: b"http://h.example/?a=b%3D" + quote(secret, safe="").encode() + b"&c=d",
    "base64": lambda secret: b"k: " + base64.b64encode(b"user:" + secret.encode() + b"\n"),
    "base64 of serialized": lambda secret: base64.b64encode(serialize({b"some": secret.encode()})),
    "hexadecimal": lambda secret: b"x'" + secret.encode().hex().encode() + b"'",
}
