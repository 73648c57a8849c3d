"""An application's own release, as its makers publish it: which files are of it."""

import io
import zipfile

import pytest

from controller.bundles.review import release
from controller.bundles.review.release import Release
from shared.errors import ShoplaunchError


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


FILES = {"app/a.php": b"<?php // a", "app/docs/b.txt": b"b" * 600_000}


def as_folder(path):
    for name, content in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.mark.parametrize("kind", ["folder", "zip", "zip in a zip"])
def test_its_files_are_known_by_their_bytes_whatever_their_names(tmp_path, kind):
    path = tmp_path / "release"
    if kind == "folder":
        as_folder(path)
    else:
        path.write_bytes(zipped(FILES if kind == "zip" else {"app.zip": zipped(FILES), "readme": b"r"}))
    found = Release(path)
    assert all(found.holds(content) for content in FILES.values())
    assert not found.holds(b"<?php // a ") and not found.holds(b"")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"no archive"])
def test_what_is_no_release_is_refused(tmp_path, content):
    (tmp_path / "release.zip").write_bytes(content)
    with pytest.raises(ShoplaunchError) as error:
        Release(tmp_path / "release.zip").holds(b"x")
    assert error.value.code == "release_unreadable"


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_a_release_that_is_not_there_or_empty_is_refused(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ShoplaunchError) as error:
        Release(tmp_path / path).holds(b"x")
    assert error.value.code == "release_unreadable"


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 100_000), ("MOST_FILES", 1)])
def test_a_release_larger_than_any_is_refused(tmp_path, monkeypatch, limit, value):
    monkeypatch.setattr(release, limit, value)
    (tmp_path / "release.zip").write_bytes(zipped({"app.zip": zipped(FILES)}))
    with pytest.raises(ShoplaunchError) as error:
        Release(tmp_path / "release.zip").holds(b"x")
    assert error.value.code == "release_unreadable" and "more than" in error.value.message
