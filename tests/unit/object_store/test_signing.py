"""Signatures of the store: AWS's own example, what differs in one character, and what no setting may say."""

from datetime import UTC, datetime

import pytest

from controller.object_store.settings import secret_of
from controller.object_store.signing import Signer
from controller.object_store.store import ObjectStore, opened
from controller.settings.sections import BundleStoreConfig, Config
from shared.errors import ShoplaunchError

#: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
GOOD = {"endpoint": "https://s3.example.com", "bucket": "shops", "access_key": "key", "secret_key": "s3cret"}


def test_an_address_is_signed_as_in_the_example_of_the_standard():
    url = SIGNER.address("https://examplebucket.s3.amazonaws.com/test.txt", NOW, 86400)
    assert url.endswith(f"&X-Amz-Signature={SIGNATURE}")
    assert "X-Amz-Expires=86400&X-Amz-SignedHeaders=host" in url


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, "https://s3.example.com/shops/classic-1.bundle"),
        ({"endpoint": "https://S3.example.com:443/"}, "https://s3.example.com/shops/classic-1.bundle"),
        ({"endpoint": "https://s3.example.com:9000"}, "https://s3.example.com:9000/shops/classic-1.bundle"),
        ({"endpoint": "http://[::1]:9000"}, "http://[::1]:9000/shops/classic-1.bundle"),
        ({"path_style": False}, "https://shops.s3.example.com/classic-1.bundle"),
    ],
)
def test_the_signed_host_is_the_one_that_clients_ask(more, place):
    store = ObjectStore(BundleStoreConfig(**{**GOOD, **more}))
    url, _, query = store.address("classic-1.bundle", NOW).partition("?")
    assert (url, "X-Amz-Expires=900&" in query) == (place, True)


@pytest.mark.parametrize(
    "more",
    [
        {"endpoint": "http://s3.example.com"},
        {"endpoint": "https://s3.example.com/path"},
        {"endpoint": "https://user@s3.example.com"},
        {"endpoint": "s3.example.com"},
        {"endpoint": "https://s3.example.com:x"},
        {"bucket": "../other"},
        {"bucket": "Shops?x"},
        {"access_key": ""},
        {"secret_key": ""},
        {"secret_key_file": "/etc/both"},
        {"address_minutes": 0},
        {"address_minutes": 61},
    ],
)
def test_a_store_that_cannot_be_meant_is_refused_by_name(more):
    with pytest.raises(ShoplaunchError, match=r"config_invalid: \[bundle_store\]"):
        ObjectStore(BundleStoreConfig(**{**GOOD, **more}))


def test_without_the_section_there_is_no_store(tmp_path):
    assert opened(Config(tmp_path)) is None


def test_the_secret_is_read_from_its_file_and_never_shown(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    store = BundleStoreConfig(**{**GOOD, "secret_key": "", "secret_key_file": str(tmp_path / "secret")})
    assert secret_of(store) == "s3cret"
    config = Config(tmp_path, bundle_store=BundleStoreConfig(**GOOD))
    shown = [repr(one) for one in (SIGNER, config)]
    assert not [text for text in shown if "s3cret" in text or "wJalr" in text]
    (tmp_path / "secret").unlink()
    with pytest.raises(ShoplaunchError, match="secret_key_file"):
        secret_of(store)
