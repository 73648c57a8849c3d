"""One file brings an installation back: keys that still open what they closed, jobs as they were."""

import io
import stat
import tarfile

import pytest

from controller import backups
from controller.backups import loading
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import access, api_keys
from controller.keys import load_keys
from controller.settings.loading import load_config
from controller.setup import installation
from tests.integration.controller.rows import add_job, read
from tests.support.error_codes import error_code


def config_of(folder, text=None):
    folder.mkdir(exist_ok=True)
    if text is not None:
        (folder / "shoplaunch.toml").write_text(text)
    return load_config({"SHOPLAUNCH_HOME": str(folder)})


@pytest.fixture
def installed(tmp_path):
    """An installation with an operator, a billing key and a job."""
    config = config_of(tmp_path / "old", 'bind = "127.0.0.1:9999"\n')
    installation.ensure_installation(config)
    installation.set_operator(config, "nora", "long enough to be one")
    installation.add_api_key(config, "billing")
    add_job(make_engine(config.database_url), secrets_encrypted=load_keys(config.keys).encrypt("s3cret"))
    return config


@pytest.fixture
def saved(installed, tmp_path):
    backups.backup(installed, tmp_path / "backup.tgz")
    return tmp_path / "backup.tgz"


def test_everything_comes_back(installed, saved, tmp_path):
    assert backups.restore(config_of(tmp_path / "new"), saved) == []
    config = config_of(tmp_path / "new")
    assert config.bind == "127.0.0.1:9999"
    engine, old = make_engine(config.database_url), make_engine(installed.database_url)
    assert read(engine) == read(old)
    assert load_keys(config.keys).decrypt(read(engine).secrets_encrypted) == "s3cret"
    with reading(engine) as connection:
        assert access.list_operators(connection) == ["nora"]
        assert api_keys.secret(connection, "billing") is not None


def test_a_backup_is_for_its_owner_alone_and_holds_no_open_secret(saved):
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    with tarfile.open(saved) as archive:
        members = [archive.extractfile(entry).read() for entry in archive]
    assert any(b"shop.example.com" in content for content in members)
    assert not any(b"s3cret" in content for content in members)


def test_an_existing_file_is_never_written_over(installed, saved):
    before = saved.read_bytes()
    assert error_code(backups.backup, installed, saved) == "name_taken"
    assert saved.read_bytes() == before


def test_an_installation_with_jobs_is_never_written_over(installed, saved):
    keys = load_keys(installed.keys)
    assert error_code(backups.restore, installed, saved) == "name_taken"
    assert load_keys(installed.keys) == keys


def test_settings_of_the_new_machine_stay(saved, tmp_path):
    config = config_of(tmp_path / "new", 'bind = "127.0.0.1:1111"\n')
    backups.restore(config, saved)
    assert config_of(tmp_path / "new").bind == "127.0.0.1:1111"
    assert "9999" in (tmp_path / "new" / "shoplaunch.toml.backup").read_text()


def test_a_restore_that_was_cut_off_can_be_repeated(saved, tmp_path, monkeypatch):
    def cut(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, "load", cut)
        with pytest.raises(KeyboardInterrupt):
            backups.restore(config_of(tmp_path / "new"), saved)
    backups.restore(config_of(tmp_path / "new"), saved)
    assert read(make_engine(config_of(tmp_path / "new").database_url)).domain == "shop.example.com"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_backup_cut_short_is_refused_and_changes_nothing(saved, tmp_path, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    config = config_of(tmp_path / "new")
    assert error_code(backups.restore, config, saved) == "backup_damaged"
    assert list(config.home.iterdir()) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("name", ["../evil", "/evil", "keys/../../evil", "keys/..", "other/file", "keys/a/b"])
def test_a_backup_with_a_foreign_file_is_refused_and_changes_nothing(saved, tmp_path, name):
    with tarfile.open(saved) as old, tarfile.open(tmp_path / "bad.tgz", "w:gz") as new:
        for entry in old:
            new.addfile(entry, old.extractfile(entry))
        entry = tarfile.TarInfo(name)
        entry.size = 1
        new.addfile(entry, io.BytesIO(b"x"))
    config = config_of(tmp_path / "new")
    assert error_code(backups.restore, config, tmp_path / "bad.tgz") == "backup_damaged"
    assert list(config.home.iterdir()) == []


def test_what_is_no_backup_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    assert error_code(backups.restore, config_of(tmp_path / "new"), tmp_path / "text") == "backup_damaged"


def test_an_installation_without_tables_cannot_be_saved(tmp_path):
    assert error_code(backups.backup, config_of(tmp_path / "none"), tmp_path / "x.tgz") == "not_initialised"
    assert not (tmp_path / "x.tgz").exists()
