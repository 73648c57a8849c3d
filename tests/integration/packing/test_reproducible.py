"""The same template gives the same bundle, byte for byte; what is read back from it is checked."""

import shutil
import zipfile

import pytest

from controller.bundles.residue.bundle_reader import open_bundle
from controller.bundles.show import describe
from shared.errors import ShoplaunchError
from tests.support.shops.packing import packed


@pytest.fixture
def bundle(docroot, tmp_path, url_of, awkward):
    target = tmp_path / "shop.bundle"
    packed(docroot, target, database=url_of(awkward), scratch=url_of())
    return target


def test_packing_twice_gives_the_same_bytes(bundle, docroot, tmp_path, url_of, awkward):
    # Another place on the disk, another order of creation, another scratch server
    copy = tmp_path / "elsewhere" / "copy"
    copy.parent.mkdir()
    shutil.copytree(docroot, copy)
    again = tmp_path / "again.bundle"
    packed(copy, again, database=url_of(awkward))
    assert again.read_bytes() == bundle.read_bytes()


def test_members_are_stored_in_order_without_dates_and_extras(bundle):
    with zipfile.ZipFile(bundle) as archive:
        members = archive.infolist()
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert names[-1] == "manifest.json"
    for member in members:
        assert member.compress_type == zipfile.ZIP_STORED
        assert member.date_time == (1980, 1, 1, 0, 0, 0)
        assert member.extra == b""


def test_show_prints_what_the_bundle_holds(bundle):
    reported = describe(bundle)
    assert reported["manifest"]["application"] == {"name": "plain", "version": "1", "recipe": "plain"}
    assert reported["size"] == bundle.stat().st_size


def test_a_flipped_bit_anywhere_is_noticed(bundle):
    with zipfile.ZipFile(bundle) as archive:
        places = [(item.filename, item.header_offset + 30 + len(item.filename) + item.file_size // 2)
                  for item in archive.infolist()]  # fmt: skip
    whole = bundle.read_bytes()
    for name, place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        bundle.write_bytes(damaged)
        with pytest.raises(ShoplaunchError) as error:
            describe(bundle)
        assert error.value.code in ("bundle_damaged", "bundle_digest", "manifest_invalid"), name


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_bundle_cut_short_is_noticed(bundle, part):
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ShoplaunchError) as error, open_bundle(bundle):
        pass
    assert error.value.code == "bundle_damaged"


def test_a_member_the_manifest_does_not_list_is_noticed(bundle):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("files/more.tar.gz", b"evil")
    with pytest.raises(ShoplaunchError) as error, open_bundle(bundle):
        pass
    assert error.value.code == "bundle_damaged"
