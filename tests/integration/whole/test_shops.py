"""An order becomes a living shop, started by real cron; no two share anything, nothing of the template is left."""

import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def shops(whole):
    """Two live shops from one bundle, both started by cron; as (job, shown) pairs."""
    jobs = [whole.order("--language", "en"), whole.order("--language", "fa")]
    return [(job, whole.wait(job, "live", "failed", "stalled")) for job in jobs]


def everything(whole, job):
    """Return every byte of the shop: its files and its database."""
    files = {str(path): path.read_bytes() for path in whole.home(job).rglob("*") if path.is_file()}
    socket = str(whole.world.stack.mariadb_socket)
    dump = [
        "mariadb-dump",
        "--no-defaults",
        "-uroot",
        f"-S{socket}",
        "--skip-extended-insert",
        f"{job['account']}_shop",
    ]
    files["database"] = subprocess.run(dump, capture_output=True, check=True).stdout
    return files


def test_cron_brings_the_shop_to_life_and_nothing_of_ours_stays(whole, shops):
    for job, shown in shops:
        assert shown["state"] == "live", shown["error"]
        assert {step["state"] for step in shown["steps"]} <= {"done", "skipped"}
        assert whole.get(job).status_code == 200
        assert not (whole.home(job) / ".shoplaunch").exists()
        assert "shoplaunch" not in whole.crontab(job)


def test_the_certificate_is_signed_and_tells_stages_bytes_and_memory(whole, shops, tmp_path):
    for job, _ in shops:
        certificate = whole.world.json("certificate", job["id"])
        assert {"unpack", "import", "prove", "switch"} <= set(certificate["stages"])
        assert certificate["bytes_read"] > 0 and certificate["bytes_written"] > 0
        assert certificate["peak_memory_bytes"] > 1_000_000
        assert {visit["name"] for visit in certificate["probes"]} >= {"front", "product", "cart", "missing"}
        kept = tmp_path / f"{job['id']}.certificate"
        kept.write_text(whole.world.run("certificate", job["id"], "--signed").stdout)
        assert whole.world.json("certificate", "--verify", str(kept)) == certificate


def test_two_shops_share_no_secret(whole, shops):
    found = []
    for job, _ in shops:
        text = (whole.home(job) / "public_html/app/config/parameters.php").read_text()
        found.append(dict(re.findall(r"'(\w+)' => '((?:[^'\\]|\\.)*)'", text, re.S)))
    secrets = ["database_password", "secret", "cookie_key", "cookie_iv", "new_cookie_key", "api_private_key"]
    for name in secrets:
        assert len(found[0][name]) >= 16
        assert found[0][name] != found[1][name]
    folders = [shown["admin_url"] for _, shown in shops]
    assert folders[0].rsplit("/", 2)[1] != folders[1].rsplit("/", 2)[1]


def test_nothing_of_the_template_is_left_in_files_or_tables(whole, shops):
    parameters = (whole.world.directory / "template/public_html/app/config/parameters.php").read_text()
    known = dict(re.findall(r"'(\w+)' => '((?:[^'\\]|\\.)*)'", parameters, re.S))
    needles = ["template-shop.example", whole.template["root"], whole.template["password"], "sl_template"]
    needles += [known[name] for name in ("secret", "cookie_key", "cookie_iv", "new_cookie_key")]
    needles += ["template@template.example", "admin742sample", "SAMPLE7WEBSERVICE7KEY7ABCDEFGH12"]
    for job, _ in shops:
        for place, data in everything(whole, job).items():
            for needle in needles:
                for form in (needle, needle.replace("/", "\\/")):
                    assert form.encode() not in data, (place, form)


def test_the_password_comes_by_mail_and_is_nowhere_else(whole, shops):
    for job, _ in shops:
        password = re.search(r"(?:Password|گذرواژه|رمز)[^:]*:\s*(\S+)", whole.mail(job)).group(1)
        places = [path for path in whole.world.home.rglob("*") if path.is_file() and "bundles" not in path.parts]
        places.append(whole.world.directory / "serve.log")
        assert not [path for path in places if password.encode() in path.read_bytes()]
    assert "فروشگاه" in whole.mail(shops[1][0])


def test_the_same_order_again_names_the_same_job(whole, shops):
    job, _ = shops[0]
    again = ["--server", "thishost", "--bundle", "sample", "--domain", job["domain"], "--account", job["account"]]
    again += ["--email", f"{job['account']}@example.com", "--create-account", "--language", "en"]
    again += ["--shop-name", "Tea & 'Saffron' فروشگاه"]
    assert whole.world.json("order", *again)["id"] == job["id"]
