"""Stage 2: shops are ordered and made by cron: at a root, below a folder (killed once), and under an IDN."""

import time

from tests.corpus import cron
from tests.corpus.shops import FAILED, PASSED
from tests.support.worlds.whole import ENDED

SECONDS = 1500
#: What a shop may be called, as hostile to quoting as names of real shops are.
NAMES = (
    "Tea & 'Saffron' فروشگاه «آنا»",
    "O'Hara\\'s \"100%\" <Tea> $5",
    "فروشگاه‌ِ آنلاین & Söhne",
)
FOLDER = "boutique"


def orders(world):
    """Return name -> (shop name, domain, further options) of the shops to order."""
    return {
        "root": (NAMES[0], None, []),
        "folder": (NAMES[1], None, ["--folder", FOLDER]),
        "idn": (NAMES[2], f"فروشگاه.{world.prefix}.example", []),
    }


def language_of(shop, manifest):
    """Return the options that order the template's own language: the two letters of its first one."""
    code = (shop.languages or [""])[0].replace("_", "-").split("-")[0].lower()
    return ["--language", code] if len(code) == 2 and manifest is not None else []


def live(world, shop, manifest):
    """Order the shops, kill the agent of one; return (the stage's document, name -> job of those that live)."""
    language = language_of(shop, manifest)
    document, jobs = {"state": PASSED, "shops": {}}, {}
    for name, (shop_name, domain, more) in orders(world).items():
        job, refusal = world.ordered(shop_name, domain, [*language, *more])
        row = document["shops"][name] = {"shop_name": shop_name}
        if job is None:
            row |= {"state": "refused", "error": refusal}
        else:
            jobs[name] = job
    if "folder" in jobs:
        document["killed"] = world.kill_in_the_import(jobs["folder"], SECONDS / 3)
    deadline = time.monotonic() + SECONDS
    for name, job in jobs.items():
        document["shops"][name] |= _outcome(world, job, deadline)
    lives = {name: job for name, job in jobs.items() if document["shops"][name]["state"] == "live"}
    document |= {"live": len(lives), "of": len(document["shops"])}
    if len(lives) < len(document["shops"]):
        document |= {"state": FAILED, **_first_error(document["shops"])}
    return document, lives


def _outcome(world, job, deadline):
    start = job["created_at"]
    while (found := world.show(job))["state"] not in ENDED and time.monotonic() < deadline:
        cron.ensure()
        time.sleep(1)
    row = {
        "state": found["state"] if found["state"] in ENDED else f"still {found['state']}",
        "account": job["account"],
        "domain": found["domain"],
        "folder": found["folder"],
        "shop_url": found["shop_url"],
        "admin_url": found["admin_url"],
        "attempt": found["attempt"],
        "created_at": start,
        "ended_at": found["ended_at"] or found["updated_at"],
        "php": world.php_of(job),
        "error": found["error"],
        "steps": {step["name"]: step["state"] for step in found["steps"]},
    }
    if row["state"] != "live":
        row["trouble"] = world.trouble(job)[-6000:]
        row["php_errors"] = world.errors_of_php(job)[-4000:]
    return row


def _first_error(rows):
    for name, row in rows.items():
        if row["state"] != "live":
            error = row.get("error") or {}
            return {"code": error.get("code", row["state"]), "message": f"{name}: {error.get('message', '')}"}
    return {}
