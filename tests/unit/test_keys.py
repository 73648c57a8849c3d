"""The controller's keys: made once, rotated without breaking what exists, readable by nobody else."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.base.ed25519 import verify as agent_verifies
from controller.jobs.agent_link.job_file import sign
from controller.jobs.shop.certificate import verify as controller_verifies
from controller.keys import MAKERS, ensure_keys, load_keys, rotate
from shared.errors import ShoplaunchError
from shared.signing import PURPOSE_CERTIFICATE, PURPOSE_JOB, load_signed, serializer


@pytest.fixture
def folder(tmp_path):
    ensure_keys(tmp_path / "keys")
    return tmp_path / "keys"


def signed(keys, payload, purpose=PURPOSE_JOB):
    return serializer(purpose, list(keys.signing), sign=sign).dumps(payload)


def test_nobody_else_may_read_keys(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_keys_that_exist_are_left_alone(folder):
    before = load_keys(folder)
    ensure_keys(folder)
    assert load_keys(folder) == before


def test_a_key_whose_disk_is_not_there_is_not_made_anew(folder, tmp_path):
    (folder / "encryption").rename(tmp_path / "elsewhere")
    (folder / "encryption").symlink_to(tmp_path / "elsewhere")
    before = load_keys(folder)
    (tmp_path / "elsewhere").rename(tmp_path / "not mounted")
    ensure_keys(folder)
    with pytest.raises(ShoplaunchError):
        load_keys(folder)
    (tmp_path / "not mounted").rename(tmp_path / "elsewhere")
    assert load_keys(folder) == before


def test_no_key_shows_in_a_representation(folder):
    keys = load_keys(folder)
    assert keys.signing[0].hex() not in repr(keys)
    assert repr(keys.encryption) not in repr(keys)


def test_what_was_encrypted_before_a_rotation_is_read_after_it(folder):
    secret = load_keys(folder).encrypt("گذرواژه")
    rotate(folder)
    keys = load_keys(folder)
    assert keys.decrypt(secret) == "گذرواژه"
    assert keys.encrypt("گذرواژه") != secret


def test_what_was_signed_before_a_rotation_is_believed_after_it(folder):
    text = signed(load_keys(folder), {"a": 1})
    rotate(folder)
    keys = load_keys(folder)
    assert load_signed(PURPOSE_JOB, keys.public_keys(), text, agent_verifies) == {"a": 1}


def test_after_a_rotation_the_newest_key_signs(folder):
    old = load_keys(folder)
    rotate(folder)
    new = load_keys(folder)
    with pytest.raises(ShoplaunchError):
        load_signed(PURPOSE_JOB, old.public_keys(), signed(new, {}), agent_verifies)


def test_rotations_at_the_same_time_lose_no_key(folder):
    began = {name: (folder / name).read_bytes() for name in MAKERS}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rotate, [folder] * 8))
    for name, first in began.items():
        lines = (folder / name).read_bytes()
        assert lines.startswith(first) and len(lines.split()) == 9, name


def test_fingerprints_stay_comparable_over_a_rotation(folder):
    salt = load_keys(folder).fingerprint_salt
    rotate(folder)
    assert load_keys(folder).fingerprint_salt == salt


def test_a_value_encrypted_with_a_lost_key_is_an_error_and_not_a_guess(folder, tmp_path):
    ensure_keys(tmp_path / "other")
    secret = load_keys(tmp_path / "other").encrypt("x")
    with pytest.raises(ShoplaunchError) as caught:
        load_keys(folder).decrypt(secret)
    assert caught.value.code == "config_invalid"


@pytest.mark.parametrize("verify", [agent_verifies, controller_verifies], ids=["agent", "controller"])
def test_a_signature_for_one_purpose_is_worth_nothing_for_another(folder, verify):
    keys = load_keys(folder)
    text = signed(keys, {"a": 1}, PURPOSE_CERTIFICATE)
    assert load_signed(PURPOSE_CERTIFICATE, keys.public_keys(), text, verify) == {"a": 1}
    with pytest.raises(ShoplaunchError) as caught:
        load_signed(PURPOSE_JOB, keys.public_keys(), text, verify)
    assert caught.value.code == "signature_invalid"


def test_both_sides_agree_on_every_altered_byte(folder):
    keys = load_keys(folder)
    text = signed(keys, {"a": 1})
    for position in range(0, len(text), 7):
        altered = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        for verify in (agent_verifies, controller_verifies):
            with pytest.raises(ShoplaunchError):
                load_signed(PURPOSE_JOB, keys.public_keys(), altered, verify)


@pytest.mark.parametrize("content", ["", "\n", "zz\n", "00ff\nnot hex\n", "00ff\n"])
def test_a_damaged_key_file_is_named_as_such(folder, content):
    (folder / "signing").write_text(content)
    with pytest.raises(ShoplaunchError) as caught:
        load_keys(folder)
    assert caught.value.code == "config_invalid"


def test_without_keys_there_is_no_installation(tmp_path):
    with pytest.raises(ShoplaunchError) as caught:
        load_keys(tmp_path / "nothing")
    assert caught.value.code == "not_initialised"
