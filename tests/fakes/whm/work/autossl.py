"""AutoSSL: checks DNS and the site as the real one does, issues a certificate and serves the site with it."""

import secrets
import threading
import time

from tests.fakes.whm.work import hands

CONTROL_FOLDER = ".well-known/pki-validation"


def start(double, account):
    """A check of the account's domain begins in the background, unless one runs."""
    with account.guard:
        if account.autossl_running:
            return
        account.autossl_running = True
    thread = threading.Thread(target=_served, args=(double, account), daemon=True)
    double.background.append(thread)
    thread.start()


def _served(double, account):
    with double.serving(account.user):
        _check(double, account)


def _check(double, account):
    try:
        time.sleep(double.quirks.autossl_seconds)
        problem = _problem(double, account)
        if problem is None:
            pem = double.authority.issue(account.domain, f"www.{account.domain}")
            double.engine.tls.serve(account.user, pem)
            account.certificate = str(pem)
        account.autossl_problems = [] if problem is None else [{"domain": account.domain, "problem": problem}]
    except Exception as error:
        double.violation(f"the double failed: AutoSSL: {error!r}")
        raise
    finally:
        account.autossl_running = False


def _problem(double, account):
    """Return why no certificate can be issued, None when one can."""
    if not double.quirks.autossl:
        return "No AutoSSL provider is configured."
    if double.dns.get(account.domain) != double.ip:
        return f"“{account.domain}” does not resolve to any IP addresses on the internet."
    name, content = f"{secrets.token_hex(16)}.txt", secrets.token_hex(16)
    folder = account.document_root_path
    for part in CONTROL_FOLDER.split("/"):
        folder = f"{folder}/{part}"
        if hands.run(account, "stat", folder) is None:
            hands.run(account, "mkdir", folder, mode=0o755)
    hands.run(account, "write", f"{folder}/{name}", content=content.encode(), mode=0o644)
    try:
        status, body = double.server.get(account.domain, f"/{CONTROL_FOLDER}/{name}")
    finally:
        hands.run(account, "unlink", f"{folder}/{name}", recursive=False)
    if (status, body) != (200, content.encode()):
        return f"The control file could not be fetched: HTTP {status}."
    return None
