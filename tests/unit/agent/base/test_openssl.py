"""The OpenSSL a Python has loaded hashes as Python does, also where Python itself was built to do without."""

import ctypes
import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.base import openssl
from tests.support.machine.interpreters import interpreters
from tests.support.worlds.agent_box import PROJECT


def without_openssl(data):
    """Stands in for `hashlib.sha256` of a Python that has no `_hashlib`."""
    return hashlib.new("sha256", data)


without_openssl.__name__ = "sha256"


@given(st.binary(max_size=2000))
def test_both_make_the_same_digest(data):
    assert openssl._digest(data) == hashlib.sha256(data).hexdigest()


def test_a_python_without_its_own_asks_openssl(monkeypatch):
    asked = []
    monkeypatch.setattr(hashlib, "sha256", without_openssl)
    monkeypatch.setattr(openssl, "_digest", lambda data: asked.append(data) or "ab" * 32)
    assert openssl.sha256_hex(b"text") == "ab" * 32
    assert asked == [b"text"]


@pytest.mark.parametrize("missing", ["ctypes", "_ssl"])
def test_where_openssl_cannot_be_asked_python_hashes(monkeypatch, missing):
    expected = hashlib.sha256(b"text").hexdigest()
    monkeypatch.setattr(hashlib, "sha256", without_openssl)
    monkeypatch.setitem(sys.modules, missing, None)
    assert openssl.library() is None
    assert openssl.sha256_hex(b"text") == expected


def test_a_library_that_refuses_leaves_it_to_python(monkeypatch):
    def none(_path):
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", none)
    assert openssl._digest(b"text") is None


def test_a_digest_that_openssl_refuses_is_pythons_and_its_error_nobody_elses(monkeypatch):
    real = openssl.library()
    real.ERR_peek_error.restype = ctypes.c_ulong

    class Refusing:
        """Knows no SHA-256."""

        EVP_Digest, ERR_clear_error = real.EVP_Digest, real.ERR_clear_error

        @staticmethod
        def EVP_sha256():
            return None

    monkeypatch.setattr(hashlib, "sha256", without_openssl)
    monkeypatch.setattr(openssl, "library", Refusing)
    assert openssl.sha256_hex(b"text") == hashlib.new("sha256", b"text").hexdigest()
    assert real.ERR_peek_error() == 0


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("version", sorted(interpreters()))
def test_every_python_here_hashes_alike_and_most_have_an_openssl_to_ask(version):
    ask = "import json, sys; sys.path.insert(0, sys.argv[1]); from agent.base import openssl"
    ask += "; print(json.dumps([openssl._digest(b'text') if openssl.library() else None, openssl.sha256_hex(b'text')]))"
    command = [interpreters()[version], "-I", "-S", "-B", "-c", ask, str(PROJECT)]
    by_openssl, found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert found == hashlib.sha256(b"text").hexdigest()
    if by_openssl is None:
        pytest.skip("this Python was linked with no OpenSSL that can be asked")
    assert by_openssl == found
