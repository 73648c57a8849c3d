"""Finds whether a stored text names a client; a common word that is also an account's name does not count."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import cast

from controller.db.jobs import Job
from controller.shop_address import ShopAddress
from shared.errors import CODES

#: Members of a stored answer that are sentences: they may name somebody else than the one whom the answer is about.
_SENTENCES = ("title", "detail", "message", "note", "waiting_why", "tls_reason")
#: What stands before or around an account's name where a sentence speaks of the account.
_BEFORE = r"(?:\b(?:[Aa]ccount|[Uu]ser|named|called|owner)\s+|/home\d*/|['\"`“‘«])"
_NO_NAME = r"[\w-]"


@dataclass(frozen=True)
class Client:
    """What names one client: ids of jobs, domains, e-mail addresses, accounts, and the service as (key, number)."""

    jobs: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    service: tuple[str, str] | None = None

    def needles(self) -> set[str]:
        """Return what a text holds somewhere, in small letters, that names the client: also as JSON may write it."""
        found = self.jobs | self.domains | self.emails | self.accounts
        return {form.lower() for one in found for form in (one, json.dumps(one)[1:-1])}

    def is_in(self, text: str) -> bool:
        """Return whether a sentence names the client."""
        return (
            any(re.search(rf"(?<!{_NO_NAME}){re.escape(one)}(?!{_NO_NAME})", text) for one in self.jobs)
            or any(_has_domain(text, one) for one in self.domains)
            or any(_has_email(text, one) for one in self.emails)
            or any(_has_account(text, one) for one in self.accounts)
        )

    def owns(self, event: str, document: dict[str, object]) -> bool:
        """Return whether the answer `document` to the request `event` is about one of the client's own jobs, or about
        the client's service before it had one."""
        if document.get("id") is not None or self.service is None:
            return bool({document.get("id"), document.get("parent")} & self.jobs)
        key, number = self.service
        return event.startswith(f"{key}:") and document.get("service_id") == number

    def erased_from(self, value: object) -> object:
        """Return the answer, or a part of it, with each sentence that names the client empty."""
        if isinstance(value, list):
            return [self.erased_from(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {name: self._erased(name, one) for name, one in cast("dict[str, object]", value).items()}

    def _erased(self, name: str, value: object) -> object:
        if name in _SENTENCES and isinstance(value, str):
            return "" if self.is_in(value) else value
        return self.erased_from(value)


def of_job(job: Job) -> Client:
    """Return what names the client of `job`."""
    domains = {job.domain, ShopAddress.on_usual_port(job.domain).readable} - {""}
    service = None if job.service_id is None else (job.signed_by, job.service_id)
    return Client(
        frozenset({job.id}), frozenset(domains), frozenset({job.email} - {""}), frozenset({job.account} - {""}), service
    )


def _has_domain(text: str, domain: str) -> bool:
    """A domain's own `www` is its client's; names below it and names that it begins may be somebody else's."""
    pattern = rf"(?<![\w.-])(?:www\.)?{re.escape(domain)}(?!{_NO_NAME}|\.\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _has_email(text: str, email: str) -> bool:
    return re.search(rf"(?<![\w.+-]){re.escape(email)}(?!{_NO_NAME}|\.\w)", text, re.IGNORECASE) is not None


def _has_account(text: str, account: str) -> bool:
    """An account may be called as a word of our sentences is; then only what clearly speaks of the account is it."""
    name = re.escape(account)
    if re.search(rf"{_BEFORE}{name}(?!{_NO_NAME})|(?<!{_NO_NAME}){name}(?:_\w|@)", text):
        return True
    return account not in _own_words() and re.search(rf"(?<!{_NO_NAME}){name}(?!{_NO_NAME})", text) is not None


@cache
def _own_words() -> frozenset[str]:
    """Return the words of the catalogue of errors, in small letters."""
    texts = [code for code in CODES]
    for entry in CODES.values():
        texts += [entry["title"]["en"], entry["advice"]["en"]]
    return frozenset(word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower()))
