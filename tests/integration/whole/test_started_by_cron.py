"""An order becomes a living shop, started by real cron: by command line, by signed request, killed in the middle."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.sampling import running
from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE, SERVER, TEMPLATE_DOMAIN

VICTIMS = ("group", "parent", "helper")
#: One of them is killed each day.
ONE_VICTIM = [pytest.param(who, marks=pytest.mark.sampled(of=3, kind="victim", turn="victims")) for who in VICTIMS]
SERVICE = "4711"


@pytest.fixture(scope="module", autouse=True)
def by_cron_alone(whole):
    """Nothing is started at once."""
    whole.world.run("server", "set", SERVER, "--start", "cron")
    yield
    whole.world.run("server", "set", SERVER, "--start", "auto")


def ancestors(pid):
    """Return the names of the processes `pid` descends from."""
    names = []
    while pid > 1:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        names.append(Path(f"/proc/{pid}/comm").read_text().strip())
        pid = int(fields[1])
    return names


class Killer:
    """Kills agents that cron started, each once, in the middle of its work."""

    def __init__(self, whole, jobs):
        self._whole = whole
        self._jobs = jobs
        self.started_by = {}

    def run(self):
        """Watch the accounts until each agent was killed; one that was too quick for us is replaced."""
        wait_until(self._look, lambda: f"cron started only {self.started_by}", 400, pause=0.01)

    def _look(self):
        for who in set(self._jobs) - set(self.started_by):
            try:
                self._try(who, self._jobs[who])
            except (FileNotFoundError, ProcessLookupError, KeyError):
                continue  # a process that has ended, an account not made yet
        return len(self.started_by) == len(self._jobs)

    def _try(self, who, job):
        agents = self._whole.agents(job["account"])
        if not agents and self._whole.show(job)["state"] in ("finishing", "live"):
            self._jobs[who] = self._whole.order()
            return
        ready = "helper" in agents if who == "helper" else bool(self._whole.chunks(job))
        if not ready or "parent" not in agents:
            return
        group = os.getpgid(agents["parent"])
        names = ancestors(agents["parent"])
        if who == "group":
            assert os.stat(f"/proc/{group}").st_uid == os.stat(f"/proc/{agents['parent']}").st_uid
            os.killpg(group, signal.SIGKILL)
        else:
            os.kill(agents[who], signal.SIGKILL)
        self.started_by[who] = names


@pytest.fixture(scope="module")
def shops(request, whole):
    """Shops that cron started at about the same time; each as (job, status at its end)."""
    account = whole.new_name()
    order = {"server": SERVER, "bundle": BUNDLE, "domain": f"{account}.localhost", "account": account}
    order |= {"email": f"{account}@example.com", "create_account": True, "service_id": SERVICE}
    answer = whole.signed("POST", "/api/v1/orders", order)
    assert answer.status_code == 202, answer.text
    # Behind the signed one: orders by command line belong to the only key there is
    client = ["--first-name", "Dana", "--last-name", "Sample"]
    jobs = {language: whole.order("--language", language, *client) for language in ("en", "fa")}
    jobs["signed"] = answer.json()
    victims = {who: whole.order() for who in set(VICTIMS) & running(request, "name") or VICTIMS}
    killer = Killer(whole, victims)
    killer.run()
    found = {name: (job, whole.live(job, 240)) for name, job in (jobs | victims).items()}
    return found | {"started_by": killer.started_by}


def bytes_of(whole, job):
    """Yield (place, bytes) of everything in the shop: files and database."""
    for path in whole.home(job).rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()
    socket = whole.world.stack.mariadb_socket
    dump = ["mariadb-dump", "--no-defaults", "-uroot", f"-S{socket}", "--skip-extended-insert", whole.database(job)]
    yield "database", subprocess.run(dump, capture_output=True, check=True).stdout


def files_of(whole, job, status):
    """Return the names of the shop's files, caches aside, with what is the shop's own in them left open."""
    folder = status["admin_url"].rstrip("/").rsplit("/", 1)[1]
    names = {str(path.relative_to(whole.root(job))) for path in whole.root(job).rglob("*")}
    names = {name.replace(folder, "ADMIN").replace(job["domain"], "DOMAIN") for name in names}
    return {name for name in names if not name.startswith("var/cache/")}


def parameters(path):
    """Return the settings of a parameters.php."""
    return dict(re.findall(r"'(\w+)' => '((?:[^'\\]|\\.)*)'", path.read_text(), re.S))


def configuration(whole, database):
    return dict(whole.sql(f"SELECT name, value FROM `{database}`.ps_configuration WHERE id_shop IS NULL"))


def places_with(needle, *folders):
    """Return the files below `folders` that hold `needle`."""
    command = ["grep", "-rlaF", "-f", "-", *map(str, folders)]
    done = subprocess.run(command, input=needle, capture_output=True, text=True, check=False)
    assert done.returncode < 2, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["en", "fa", "signed", *ONE_VICTIM])
def test_the_shop_lives_every_step_is_done_and_nothing_of_the_agent_stays(whole, shops, name):
    job, status = shops[name]
    assert {step["state"] for step in status["steps"]} <= {"done", "skipped"}
    assert (status["percent"], status["error"], status["attempt"]) == (100, None, 1)
    assert whole.get(job).status_code == 200
    assert not whole.folder(job).exists()
    assert "shoplaunch" not in whole.crontab(job)
    assert not [path for path in whole.home(job).iterdir() if path.name.startswith(".shoplaunch")]
    assert not [table for table in whole.tables(job) if table.startswith("shoplaunch")]
    assert whole.agents(job["account"]) == {}


def test_it_was_cron_that_started_the_agents_and_the_next_tick_went_on_after_a_kill(whole, shops):
    assert set(shops["started_by"]) == set(VICTIMS) & set(shops)
    for names in shops["started_by"].values():
        assert "cron" in names


@pytest.mark.parametrize("name", ["en", *ONE_VICTIM])
def test_a_killed_agents_shop_is_the_same_as_an_undisturbed_one(whole, shops, name):
    job, other = shops[name][0], shops["signed"][0]
    counted = [
        {table: whole.sql(f"SELECT COUNT(*) FROM `{whole.database(one)}`.`{table}`") for table in whole.tables(one)}
        for one in (job, other)
    ]
    # Rows the proving visits and the shop's own counters leave may differ; those of the catalogue may not
    for table in ("ps_product", "ps_image", "ps_configuration", "ps_samplestats", "ps_sampledocument"):
        assert counted[0][table] == counted[1][table]
    assert set(counted[0]) == set(counted[1])
    assert files_of(whole, job, shops[name][1]) == files_of(whole, other, shops["signed"][1])


@pytest.mark.parametrize("name", ["en", "signed", *ONE_VICTIM])
def test_the_certificate_is_signed_and_shows_stages_bytes_memory_and_visits(whole, shops, name, tmp_path):
    job, _ = shops[name]
    certificate = whole.world.json("certificate", job["id"])
    assert certificate["job"] == job["id"]
    assert {"verify", "preflight", "unpack", "import", "configure", "prove", "switch"} <= set(certificate["stages"])
    # What a killed run has read of rows is noted once a second, of files with the shards that need not be read again
    counted = ("files",) if name in VICTIMS else ("files", "data")
    least = sum(member["size"] for member in whole.members(job) if member["kind"] in counted)
    assert certificate["bytes_read"] >= least > 100_000 and certificate["bytes_written"] > 0
    assert certificate["peak_memory_bytes"] > 1_000_000
    assert {visit["name"] for visit in certificate["probes"]} >= {
        "front",
        "product",
        "product_image",
        "cart",
        "missing",
    }
    kept = tmp_path / "certificate"
    kept.write_text(whole.world.run("certificate", job["id"], "--signed").stdout)
    assert whole.world.run("certificate", "--verify", str(kept)).returncode == 0
    text = kept.read_text()
    kept.write_text(("B" if text[0] == "A" else "A") + text[1:])
    refused = whole.world.run("certificate", "--verify", str(kept), check=False)
    assert refused.returncode == 1
    assert "certificate_invalid" in refused.stderr


def test_the_status_by_signed_request_is_the_same_as_by_command_line(whole, shops):
    job, _ = shops["signed"]
    answer = whole.signed("GET", f"/api/v1/services/{SERVICE}")
    assert answer.status_code == 200
    assert answer.json()["state"] == "live"
    assert answer.json()["steps"] == whole.world.json("show", job["id"])["steps"]


@pytest.mark.parametrize(("name", "said"), [("en", "Your shop"), ("fa", "فروشگاه شما آماده است")])
def test_the_client_is_notified_once_in_the_orders_language(whole, shops, name, said):
    job, status = shops[name]
    letters = whole.mails(job)
    assert len(letters) == 1
    assert said in letters[0]
    assert status["shop_url"] in letters[0] and status["admin_url"] in letters[0]
    assert f"To: {job['account']}@example.com" in letters[0]


def test_the_password_is_nowhere_but_in_the_mail_and_cannot_be_sent_again(whole, shops):
    job, _ = shops["en"]
    password = whole.password(job)
    others = [path for path in whole.directory.iterdir() if path != whole.world.mail]
    assert places_with(password, *others) == []
    assert len(places_with(password, whole.world.mail)) == 1
    again = whole.world.run("retry", job["id"], "--step", "notify", check=False)
    assert again.returncode == 1
    assert "the password is erased" in again.stderr


def test_the_controller_forgets_a_living_shops_secrets(whole, shops):
    for name in {"en", "signed", *VICTIMS} & set(shops):
        job, _ = shops[name]
        assert whole.service.jobs.get(job["id"]).secrets_encrypted is None
        found = parameters(whole.root(job) / "app/config/parameters.php")
        for secret in ("database_password", "secret", "cookie_key", "new_cookie_key"):
            assert places_with(found[secret], whole.world.home, whole.directory / "serve.log") == []


def test_no_two_shops_share_a_secret(whole, shops):
    names = ["secret", "cookie_key", "cookie_iv", "new_cookie_key", "database_password", "api_private_key"]
    seen = [parameters(whole.world.directory / "template/public_html/app/config/parameters.php")]
    seen += [parameters(whole.root(shops[name][0]) / "app/config/parameters.php") for name in ("en", "fa", "signed")]
    for name in names:
        values = [found[name] for found in seen if name in found]
        assert len(set(values)) == len(values) >= 3, name
        assert min(map(len, values)) >= 12
    folders = {shops[name][1]["admin_url"].rstrip("/").rsplit("/", 1)[1] for name in ("en", "fa", "signed")}
    assert len(folders) == 3


def test_no_two_shops_share_a_secret_in_their_configuration_rows(whole, shops):
    rows = [configuration(whole, whole.database(shops[name][0])) for name in ("en", "fa", "signed")]
    template = configuration(whole, "sl_template")
    long = re.compile(r"[0-9A-Za-z+/=_-]{16,}\Z")
    shared = {
        name: value
        for name, value in rows[0].items()
        if value and long.match(value) and value in (rows[1].get(name), rows[2].get(name))
    }
    # What is the same everywhere is no secret
    assert not [name for name in shared if re.search("KEY|TOKEN|SECRET|SALT|PASS|HASH", name)], shared
    changed = {name for name in rows[0] if rows[0][name] != rows[1].get(name) and long.match(rows[0][name] or "")}
    assert changed, "the sample shop has secrets in its configuration"
    assert not [name for name in changed if rows[0][name] == template.get(name)]


@pytest.mark.parametrize("name", ["en", *ONE_VICTIM])
def test_nothing_of_the_template_is_left_in_files_or_tables(whole, shops, name):
    known = parameters(whole.world.directory / "template/public_html/app/config/parameters.php")
    needles = [TEMPLATE_DOMAIN, whole.template["root"], whole.template["password"], "sl_template"]
    needles += [known[key] for key in ("secret", "cookie_key", "cookie_iv", "new_cookie_key")]
    needles += ["template@template.example", "admin742sample", "SAMPLE7WEBSERVICE7KEY7ABCDEFGH12"]
    forms = {form.encode() for needle in needles for form in (needle, needle.replace("/", "\\/"))}
    forms |= {needle.replace("/", "%2F").encode() for needle in needles}
    for place, data in bytes_of(whole, shops[name][0]):
        for form in forms:
            assert form not in data, (place, form)


def test_the_same_order_again_names_the_same_job(whole, shops):
    job, _ = shops["en"]
    again = ["--server", SERVER, "--bundle", BUNDLE, "--domain", job["domain"], "--account", job["account"]]
    again += ["--email", f"{job['account']}@example.com", "--create-account", "--language", "en"]
    again += ["--shop-name", "Tea & 'Saffron' فروشگاه", "--first-name", "Dana", "--last-name", "Sample"]
    assert whole.world.json("order", *again)["id"] == job["id"]


@pytest.mark.parametrize("name", ["en", *ONE_VICTIM])
def test_every_chunk_and_every_table_is_proved(whole, shops, name):
    manifest = whole.world.json("bundle", "show", BUNDLE)["manifest"]
    evidence = whole.world.json("certificate", shops[name][0]["id"])["evidence"]
    assert evidence["chunks"] == sum(member["kind"] == "data" for member in manifest["members"])
    assert evidence["tables"] == {table["name"]: table["rows"] for table in manifest["tables"]}
