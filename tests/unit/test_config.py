"""What the settings file and the environment may say, and what is refused."""

import pytest

from controller.db.connection.engine import make_engine
from controller.jobs.engine import registry
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError


@pytest.fixture
def settings(tmp_path):
    """Return a function: text of shoplaunch.toml and variables -> Config."""

    def load(text="", **variables):
        (tmp_path / "shoplaunch.toml").write_text(text, "utf-8")
        return load_config({"SHOPLAUNCH_HOME": str(tmp_path), **variables})

    return load


def refusal(settings, text="", **variables):
    with pytest.raises(ShoplaunchError) as caught:
        settings(text, **variables)
    assert caught.value.code == "config_invalid"
    return caught.value.message


def test_without_any_setting_everything_lies_below_the_home(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    assert config.home == tmp_path
    assert config.database_url == f"sqlite:///{tmp_path}/shoplaunch.db"
    assert config.bundles.parent == config.keys.parent == config.agent.parent == tmp_path


def test_the_environment_wins_over_the_file(settings):
    config = settings('public_url = "https://file.example"', SHOPLAUNCH_PUBLIC_URL="https://variable.example")
    assert config.public_url == "https://variable.example"


def test_the_panels_section_is_handed_on_as_it_stands(settings):
    assert settings('[local]\nhttp_port = 8081\nphp = [{version = "8.2"}]').local == {
        "http_port": 8081,
        "php": [{"version": "8.2"}],
    }


def test_mail_goes_into_a_folder_when_one_is_named(settings):
    assert settings('[mail]\nfolder = "/tmp/mail"').mail.folder == "/tmp/mail"
    assert settings().mail.folder is None


def test_the_smtp_password_stands_in_a_file_of_its_own(settings, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    config = settings(f'[mail]\npassword_file = "{tmp_path}/secret"')
    assert config.mail.password() == "s3cret"
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("publik_url = 'https://x.example'", "publik_url"),
        ("[mail]\nhots = 'x'", "hots"),
        ("[mail]\nport = 'twenty-five'", "port"),
        ("[mail]\nport = true", "port"),
        ("mail = 1", "mail"),
        ("local = 1", "local"),
        ("public_url = 1", "public_url"),
        ("public_url = 'control.example.com'", "public_url"),
        ("public_url = 'ftp://control.example.com'", "public_url"),
        ("public_url = 'https://control.example.com/path?x=1'", "public_url"),
        ("public_url = 'http://control.example.com'", "https"),
        ("public_url = 'https://user:secret@control.example.com'", "public_url"),
        ("public_url = 'https://control example.com'", "public_url"),
        ("public_url = 'https://control.example.com:99999'", "public_url"),
        ("public_url = 'https://control.example.com:0'", "public_url"),
        ("public_url = 'https://control.example.com\\nBcc: x'", "public_url"),
        ('public_url = "https://control.example.com\\n"', "public_url"),
        ("public_url = 'https://[::1'", "public_url"),
        ("public_url = 'https://[::1]x'", "public_url"),
        ("public_url = 'https://فروشگاه.example'", "public_url"),
        ("trusted_proxies = -1", "trusted_proxies"),
        ("trusted_proxies = 17", "trusted_proxies"),
        ("job_hours = 999999999999", "job_hours"),
        ("job_hours = 0", "job_hours"),
        ("job_hours = 'soon'", "job_hours"),
        ("agent_pythons = '/usr/bin/python3'", "agent_pythons"),
        ("agent_pythons = ['python3.9']", "agent_pythons"),
        ("this is not toml", "shoplaunch.toml"),
    ],
)
def test_a_wrong_setting_is_named(settings, text, word):
    assert word in refusal(settings, text)


def test_plain_http_is_for_this_very_machine_only(settings):
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        assert settings(SHOPLAUNCH_PUBLIC_URL=f"http://{host}").public_url == f"http://{host}"
    assert "https" in refusal(settings, SHOPLAUNCH_PUBLIC_URL="http://192.0.2.1")


def test_a_home_that_is_not_absolute_is_refused():
    with pytest.raises(ShoplaunchError) as caught:
        load_config({"SHOPLAUNCH_HOME": "somewhere"})
    assert caught.value.code == "config_invalid"


def test_settings_that_cannot_be_read_are_not_taken_for_none(tmp_path):
    (tmp_path / "shoplaunch.toml").mkdir()
    with pytest.raises(ShoplaunchError) as caught:
        load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    assert caught.value.code == "config_invalid"


def test_a_mark_before_the_first_character_does_no_harm(settings):
    assert settings("\ufeffjob_hours = 48").job_hours == 48


@pytest.mark.parametrize("port", ["", ":443", ":8443/"])
def test_addresses_of_every_kind_are_taken(settings, port):
    for host in ("control.example.com", "xn--mgbaam7a8h.example", "192.0.2.1", "[2001:db8::1]"):
        assert settings(SHOPLAUNCH_PUBLIC_URL=f"https://{host}{port}").public_url == f"https://{host}{port}"


@pytest.mark.parametrize("url", ["mysql://u:secret@host:port/x", "mysql://u:secret@[::1/x", "://", "sqlite"])
def test_a_database_address_that_is_none_is_named(url):
    with pytest.raises(ShoplaunchError) as caught:
        make_engine(url)
    assert caught.value.code == "config_invalid"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["oracle://u:secret@h/x", "mssql+pyodbc://u:secret@h/x"])
def test_a_database_of_another_kind_is_answered_with_those_there_are(url):
    with pytest.raises(ShoplaunchError, match=r"sqlite://, mysql:// .* or postgresql://") as caught:
        make_engine(url)
    assert caught.value.code == "config_invalid"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("mariadb://u@h/x", "mysql+pymysql"),
        ("mysql+mysqldb://u@h/x", "mysql+pymysql"),
        ("postgres://u@h/x", "postgresql+psycopg"),
        ("postgresql+asyncpg://u@h/x", "postgresql+psycopg"),
    ],
)
def test_every_spelling_of_a_database_leads_to_the_driver_there_is(url, driver):
    assert make_engine(url).url.drivername == driver


def test_jobs_are_moved_by_the_embedded_engine_unless_another_is_named(settings):
    assert settings().engine.kind == "embedded"
    assert registry.of(settings('[engine]\nkind = "embedded"')).name == "embedded"


def test_an_engine_that_does_not_exist_is_refused_with_those_that_do(settings):
    with pytest.raises(ShoplaunchError) as caught:
        registry.of(settings('[engine]\nkind = "steam"'))
    assert caught.value.code == "config_invalid" and '"embedded"' in caught.value.message


@pytest.mark.parametrize("text", ["engine = 1", "[engine]\nkind = 1", "[engine]\nspeed = 'full'"])
def test_a_section_of_the_engine_that_makes_no_sense_is_refused(settings, text):
    assert "engine" in refusal(settings, text)


def test_what_is_over_goes_by_itself_unless_periods_are_said(settings):
    assert all(days > 0 for days in vars(settings().retention).values())
    found = settings("[retention]\nevents = 7\naudit = 0").retention
    assert (found.events, found.audit, found.spools) == (7, 0, settings().retention.spools)


@pytest.mark.parametrize(
    "text",
    [
        "retention = 30",
        *(f"[retention]\n{one}" for one in ("events = -1", "events = true", "mail = 3", "audit = 40000")),
    ],
)
def test_a_section_of_periods_that_makes_no_sense_is_refused(settings, text):
    assert "retention" in refusal(settings, text)
