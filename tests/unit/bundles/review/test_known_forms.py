"""How thoroughly a file is looked through for secrets of known forms depends on what it is."""

import base64
import gzip
import io
import sqlite3
import tarfile
import zipfile

import pytest

from controller.bundles.review.decisions import REMOVE, choices_of
from controller.bundles.review.inner_texts import MOST_BYTES, inner_texts
from controller.bundles.review.known_forms import KnownForms
from tests.support.shops.secret_samples import FORMS

STRIPE = FORMS["key of Stripe"].encode()
CODED = base64.b64encode(b"user:" + STRIPE)
LARGE = b"var a = 1;\n" * 10_000


def zipped(content, name="config/keys.ini", method=zipfile.ZIP_DEFLATED):
    """Return an archive of one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


def tarred(content, name):
    """Return a tar of one file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def stored(folder):
    """Return a database of SQLite that keeps a key."""
    connection = sqlite3.connect(folder / "a.sqlite")
    connection.execute("CREATE TABLE settings (name, value)")
    connection.execute("INSERT INTO settings VALUES ('api', ?)", (STRIPE.decode(),))
    connection.commit()
    connection.close()
    return (folder / "a.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        (b"modules/x/a.php", b"<?php\n$a = '" + STRIPE + b"';", 2),
        (b"modules/x/a.php", b"<?php\n$a = base64_decode('" + CODED + b"');", 2),
        (b"modules/x/a.yml", b"a:\n  b: " + CODED, 2),
        (b"themes/x/a.js", LARGE + b"a = '" + STRIPE + b"'", 10_001),
        (b"themes/x/a.js", b"a = '" + FORMS["key of SendGrid"].encode() + b"'", 1),
        (b"wp-includes/functions.php", b"<?php\n$a = '" + STRIPE + b"';", 2),
        (b"modules/x/token", b"\n" + CODED, 2),
    ],
)
def test_it_is_found_where_files_keep_it(path, content, line):
    (found,) = KnownForms([]).in_file(path, content).findings
    assert found.proven and (found.place.file, found.place.line) == (path.decode(), line)
    assert STRIPE.decode() not in found.sentence()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"vendor/a/tests/keys.php", STRIPE),
        (b"modules/x/vendor/a/b.json", STRIPE),
        (b"img/a.png", b"\x89PNG\0" + STRIPE[:-12]),
        (b"modules/x/vendor/a.zip", zipped(STRIPE)),
        (b"modules/x/a.zip", zipped(STRIPE, "lib/vendor/a/tests/keys.php")),
        (b"translations/sf-en-US.zip", zipped(FORMS["private key"], "en-US/Help.en-US.xlf")),
        (b"translations/en.gzip", gzip.compress(tarred(FORMS["private key"].encode(), "en/Help.xlf"), mtime=0)),
        (b"modules/x/a.zip", b"PK\x03\x04 no archive"),
        (b"modules/x/a.gz", gzip.compress(STRIPE, mtime=0)[:-30]),
        (b"themes/x/a.css", STRIPE),
    ],
)
def test_libraries_pictures_and_styles_are_not_asked_about(path, content):
    assert KnownForms([]).in_file(path, content).findings == []


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"modules/x/a.ini", b"[a]\r\nkey=" + STRIPE + b"\r\n"),
        (b"modules/x/a.txt", STRIPE),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_of_two_bytes_a_character_is_read_as_the_text_it_is(path, content, encoding):
    (found,) = KnownForms([]).in_file(path, content.decode().encode(encoding)).findings
    # Its lines are no lines of bytes: it stays or goes as a whole
    assert found.proven and (found.place.file, found.place.line) == (path.decode(), 0)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff\xe1\0\0Exif\0\0" + STRIPE + b"\0" + bytes(range(256)),
        b"%PDF-1.4\n\0\0(" + STRIPE + b")",
        gzip.compress(b'{"key": "' + STRIPE + b'"}', mtime=0),
        gzip.compress(tarred(STRIPE, "config/keys.ini"), mtime=0),
        zipped(STRIPE),
        zipped(STRIPE, method=zipfile.ZIP_STORED),
        zipped(zipped(STRIPE), "inner.zip"),
    ],
    ids=["picture", "document", "gzip", "tar", "archive", "archive that stores", "archive in archive"],
)
def test_a_key_in_notes_of_a_picture_or_in_an_archive_is_found(content):
    (found,) = KnownForms([]).in_file(b"modules/x/a.bin", content).findings
    assert found.proven and (found.place.file, found.place.line) == ("modules/x/a.bin", 0)
    assert STRIPE.decode() not in found.sentence()


def test_the_templates_own_secrets_are_looked_for_in_archives_too():
    forms = KnownForms([b"Kx7-own-secret"], {"secret DB_PASSWORD": b"Kx7-own-secret"}, {"secret DB_PASSWORD"})
    (found,) = forms.in_file(b"modules/x/a.zip", zipped(b"password=Kx7-own-secret")).findings
    assert (found.what, found.proven, found.about) == ("secret DB_PASSWORD", False, "config/keys.ini")
    assert "Kx7-own" not in found.sentence()


def test_a_key_in_a_small_database_next_to_the_code_is_found(tmp_path):
    (found,) = KnownForms([]).in_file(b"modules/x/a.sqlite", stored(tmp_path)).findings
    assert found.proven and found.place.file == "modules/x/a.sqlite"


def test_an_archive_that_grows_without_end_is_looked_into_so_far_and_no_farther():
    bomb = zipped(bytes(200 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    looked_at = sum(len(data) for _, data in inner_texts(bomb))
    assert looked_at <= MOST_BYTES
    assert sum(len(data) for _, data in inner_texts(gzip.compress(bytes(50 * 1024 * 1024)))) <= MOST_BYTES


def test_a_key_that_is_the_name_of_a_file_or_folder_is_found_and_may_be_left_out():
    name = b"modules/x/" + STRIPE + b".json"
    (found,) = KnownForms([]).in_name(name)
    assert found.proven and (found.place.file, found.place.is_name) == (name.decode(), True)
    assert choices_of(found) == (REMOVE,)
    # What lies below is not reported again, nor what is searched for anyway
    assert KnownForms([]).in_name(b"modules/" + STRIPE + b"/index.php") == []
    assert KnownForms([STRIPE]).in_name(name) == []
    assert KnownForms([]).in_name(b"vendor/" + STRIPE) == []


def test_what_is_searched_for_everywhere_is_not_reported_twice_however_it_is_spelled():
    forms = KnownForms([STRIPE, FORMS["private key"].encode()])
    assert forms.in_file(b"modules/x/a.json", b'{"a": "' + STRIPE + b'"}').findings == []
    spelled = FORMS["private key"].replace("\n", "\\n").encode()
    assert forms.in_file(b"modules/x/a.json", b'{"a": "' + spelled + b'"}').findings == []
