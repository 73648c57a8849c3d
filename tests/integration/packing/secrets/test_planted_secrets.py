"""Sixty true secrets, each planted twice: the recipe takes every one of them out, and no other copy stays unseen."""

import base64
import html
import json
import os
import tarfile
import uuid
from hashlib import sha256
from io import BytesIO
from urllib.parse import quote

import pytest

from controller.bundles.pipeline import Request, pack
from controller.bundles.residue.findings import ResidueFound
from controller.bundles.residue.search import base64_forms, forms
from controller.bundles.review.decisions import BLANK, REMOVE, Decision, Decisions, choices_of
from controller.bundles.template_plan import make_plan
from tests.integration.packing.conftest import DOMAIN, installed_sample
from tests.support.shops.packing import Quiet, server_url, unpacked
from tests.unit.bundles.rewrite.helpers import serialize

COUNT = 60


def drawn(number, length, letters="0123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"):
    """Return characters as a machine draws them, the same for the same number."""
    digest = b"".join(sha256(f"{number}/{part}".encode()).digest() for part in range(1 + length // 32))
    return "".join(letters[byte % len(letters)] for byte in digest[:length])


#: (name of the setting, secret) by kind.
KINDS = [
    lambda n: (f"PAYING_API_KEY_{n}", drawn(n, 32, "0123456789abcdef")),
    lambda n: (f"MAIL{n}_PASSWORD", drawn(n, 9) + "/%'"),
    lambda n: (f"X{n}_ANYTHING", "sk_live_" + drawn(n, 24)),
    lambda n: (f"X{n}_LICENSE", str(uuid.UUID(sha256(str(n).encode()).hexdigest()[:32]))),
    lambda n: (f"X{n}_SECRET", base64.b64encode(sha256(str(n).encode()).digest()).decode()),
    lambda n: (f"X{n}_DSN", f"mysql://shop:{drawn(n, 12)}@db.vendor.example/shop"),
    lambda n: (f"X{n}_CERTIFICATE", "-----BEGIN PRIVATE KEY-----\n" + drawn(n, 64) + "\n-----END PRIVATE KEY-----"),
    lambda n: (f"X{n}_HASH", "$2y$10$" + drawn(n, 53)),
    lambda n: (f"X{n}_WEBHOOK_URL", f"https://hooks.vendor.example/services/{drawn(n, 28)}"),
    lambda n: (f"X{n}_TOKEN", f"eyJ{drawn(n, 20)}.eyJ{drawn(n + 500, 30)}.{drawn(n + 900, 40)}"),
]
#: How the setting keeps it: as it is, or under a key inside.
KEEPING = [
    lambda name, secret: secret,
    lambda name, secret: serialize({b"on": b"1", name.encode(): secret.encode()}).decode(),
    lambda name, secret: json.dumps({"on": 1, "list": [{name: secret}]}),
    lambda name, secret: serialize({b"in": json.dumps({name: secret}).encode()}).decode(),
    lambda name, secret: json.dumps({"in": serialize({name.encode(): secret.encode()}).decode()}),
    lambda name, secret: base64.b64encode(serialize({name.encode(): secret.encode()})).decode(),
]
SECRETS = [KINDS[number % len(KINDS)](number) for number in range(COUNT)]

IN_ROWS = [
    lambda secret: b"see " + secret,
    lambda secret: json.dumps({"a": secret.decode()}).replace("/", "\\/").encode(),
    lambda secret: quote(secret, safe="").encode(),
    lambda secret: base64.b64encode(b"user:" + secret + b"\n"),
    lambda secret: serialize({b"a": secret, b"b": b"kept"}),
    lambda secret: secret.hex().encode(),
    lambda secret: html.escape(secret.decode()).encode(),
    lambda secret: base64.b64encode(serialize({b"a": secret})),
    lambda secret: serialize({b"a": json.dumps({"b": secret.decode()}).encode()}),
]
IN_FILES = [
    lambda secret: b"<?php\n$key = '" + secret.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"';\n",
    lambda secret: json.dumps({"a": secret.decode()}).encode() + b"\n",
    lambda secret: b"url=http://h/?k=" + quote(secret, safe="").encode() + b"\n",
    lambda secret: b"\0\1binary" + secret,
    lambda secret: f"http://{DOMAIN}/\n".encode() + base64.b64encode(secret) + b"\n",
]


@pytest.fixture(scope="module")
def planted(mariadb_server, tmp_path_factory):
    """A sample shop with every secret in a setting and somewhere else: (document root, URL of its database)."""
    root, url, _ = installed_sample(tmp_path_factory.mktemp("planted") / "public_html", mariadb_server)
    name = url.split("/")[3].split("?")[0]
    mariadb_server.query(
        "CREATE TABLE ps_planted (id int PRIMARY KEY, note text, raw blob) ENGINE=InnoDB", database=name
    )
    (root / "img" / "planted").mkdir()
    for number, (setting, secret) in enumerate(SECRETS):
        # Half of the ways would meet half of the kinds alone
        kept = KEEPING[(number + number // 30) % len(KEEPING)](setting, secret)
        coded = secret.encode()
        mariadb_server.query(
            "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, NOW(), NOW())",
            setting, kept, database=name,
        )  # fmt: skip
        if number % 3 == 0:
            (root / "img" / "planted" / f"{number}.txt").write_bytes(IN_FILES[number // 3 % len(IN_FILES)](coded))
        elif number % 3 == 1 or "/" in secret or "\n" in secret:
            note = IN_ROWS[number // 3 % len(IN_ROWS)](coded)
            mariadb_server.query("INSERT INTO ps_planted VALUES (%s, %s, NULL)", number, note, database=name)
        elif number % 2:
            mariadb_server.query("INSERT INTO ps_planted VALUES (%s, 'a', %s)", number, coded + b"\xff", database=name)
        else:
            (root / "img" / "planted" / f"{secret}.txt").write_bytes(b"")
    return root, server_url(mariadb_server, name), server_url(mariadb_server)


def everything_in(bundle):
    """Return all bytes of a bundle, unpacked, and what its JSON documents hold in base64."""
    parts = []
    for name, data in unpacked(bundle):
        parts.append(data)
        if name.endswith("tar.gz"):
            with tarfile.open(fileobj=BytesIO(data)) as inside:
                parts += [item.name.encode() for item in inside]
    return b"\0".join(parts)


@pytest.mark.sampled(of=3, rests=True)
def test_all_of_them_are_known_found_at_their_place_and_gone_once_decided(planted, tmp_path):
    root, url, scratch = planted
    request = Request(root, tmp_path / "x.bundle", url, scratch=scratch)
    with pytest.raises(ResidueFound) as error:
        pack(request, make_plan, Quiet())
    findings = error.value.findings
    places = [json.dumps(one.place.as_json()) for one in findings]
    for number, (_, secret) in enumerate(SECRETS):
        by_row, by_file = f'"id": "{number}"', f"planted/{number}.txt"
        assert any(by_row in place or by_file in place or secret in place for place in places), (number, secret)
    assert not any(one.place.table == "ps_configuration" for one in findings)
    reported = error.value.message + json.dumps([one for one in error.value.details["findings"]])
    assert not any(secret in reported for _, secret in SECRETS if not any(secret in place for place in places))

    decisions = Decisions()
    for one in findings:
        choice = BLANK if BLANK in choices_of(one) else REMOVE
        decisions.put(Decision(one.what, one.place, choice))
    pack(Request(root, tmp_path / "x.bundle", url, scratch=scratch, decisions=decisions), make_plan, Quiet())
    content = everything_in(tmp_path / "x.bundle")
    left = [
        secret for _, secret in SECRETS
        if any(form in content for form in (*forms(secret.encode()), *base64_forms(secret.encode())))
    ]  # fmt: skip
    assert left == []
    assert os.path.getsize(tmp_path / "x.bundle")
