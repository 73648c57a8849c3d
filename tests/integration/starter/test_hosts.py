"""The starter under the web servers hosts really have: the launcher runs as the account, once, and outlives them."""

import pwd

import pytest

from tests.integration.starter.launched import starts, wait_for_start

AS_ACCOUNT = ("fpm", "suexec")
WAYS = ("proc_open", "popen", "exec", "shell_exec", "system", "passthru")


#: What comes with a request that is no plain one.
HEADERS = {"X-Secret": "from-the-request", "Cookie": "a=from-the-request"}


def started_as_by_cron(host):
    """The launcher was started with cron's surroundings, and has nothing of the web server's or of the request."""
    start = wait_for_start(host.home)
    assert start["uid"] == [str(pwd.getpwnam(host.user).pw_uid)]
    assert start["session"] == start["pid"]
    assert start["umask"] == ["0022"]
    assert start["cwd"] == [str(host.home)]
    open_ones = [one for one in start["fd"] if int(one.split()[0]) > 2 and not one.endswith("/run")]
    assert open_ones == [], open_ones
    null = [one.split()[1] for one in start["fd"] if int(one.split()[0]) in (0,)]
    assert null == ["/dev/null"]
    names = {one.partition("=")[0] for one in start["env"]}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"HOME", "LOGNAME", "USER", "SHELL", "PATH", "SHOPLAUNCH_START"}
    assert "from-the-request" not in " ".join(start["env"])


@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_the_launcher_runs_as_the_account_with_the_surroundings_of_cron_and_nothing_of_the_web_servers(host_of, kind):
    host = host_of(kind)
    answer = host.ask(f"/{host.starter.name}", headers=HEADERS)
    assert host.starter.outcome(answer.body) == (True, ""), (answer.status, answer.body, host.log())
    started_as_by_cron(host)
    assert not list(host.root.glob("shoplaunch-start-*"))


@pytest.mark.sampled(of=2, each=("way",))
@pytest.mark.parametrize("kind", AS_ACCOUNT)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_starting_programs_does_alone_and_as_cleanly(host_of, kind, way):
    host = host_of(kind, {"disable_functions": ",".join(one for one in WAYS if one != way)})
    answer = host.ask(f"/{host.starter.name}", headers=HEADERS)
    assert f'"started": "{way}"'.encode() in answer.body, (answer.body, host.log())
    started_as_by_cron(host)


@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_where_no_function_starts_programs_the_starter_says_so(host_of, kind):
    host = host_of(kind, {"disable_functions": ",".join(WAYS)})
    answer = host.ask(f"/{host.starter.name}")
    assert host.starter.outcome(answer.body) == (False, "functions_disabled"), (answer.body, host.log())
    assert not starts(host.home)
    assert not list(host.root.glob("shoplaunch-start-*"))


@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_open_basedir_does_not_keep_the_starter_from_its_work(host_of, kind):
    host = host_of(kind, {"open_basedir": "{home}/:/tmp/"})
    answer = host.ask(f"/{host.starter.name}")
    assert host.starter.outcome(answer.body) == (True, ""), (answer.body, host.log())
    wait_for_start(host.home)


@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_open_basedir_of_the_document_root_alone_and_without_posix(host_of, kind):
    host = host_of(kind, {"open_basedir": "{root}/", "disable_functions": "posix_geteuid"})
    answer = host.ask(f"/{host.starter.name}")
    assert host.starter.outcome(answer.body) == (True, ""), (answer.body, host.log())
    wait_for_start(host.home)
    assert not list(host.root.glob("shoplaunch-start-*"))


@pytest.mark.parametrize("kind", AS_ACCOUNT)
def test_a_short_time_limit_is_enough(host_of, kind):
    host = host_of(kind, {"max_execution_time": "1"})
    assert host.starter.outcome(host.ask(f"/{host.starter.name}").body) == (True, "")
    wait_for_start(host.home)
