"""The values of a job: everything its bundle's placeholders and statements may name."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.account import Account
from controller.db.jobs import Job
from controller.jobs.lifecycle.step_context import Work
from controller.jobs.record.domains import readable
from controller.jobs.shop import password_formats
from controller.jobs.shop import shop_secrets as formats
from controller.panels.base import DatabaseEndpoint, SiteAddress
from controller.recipes.registry import recipe_of
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Manifest

DEFAULT_COUNTRY = {"fa": "IR"}
#: Private values that are never sent to the account.
NEVER_SENT = ("admin.password",)


def make_private_values(manifest: Manifest) -> dict[str, str]:
    """Return what is made for one job alone, once: secrets, passwords, the back office's folder.

    Raises ShoplaunchError `recipe_missing`, `manifest_invalid`.
    """
    password = formats.password()
    made = formats.make_all(manifest["secrets"])
    stored_as = password_formats.format_of(manifest)
    return {
        **made,
        "db.password": formats.database_password(),
        "admin.password": password,
        "admin.password_hash": password_formats.hashed(password, stored_as, made, is_random=True),
        "admin_folder": recipe_of(manifest).new_admin_folder(secrets.choice),
    }


def fingerprinted(manifest: Manifest, private: Mapping[str, str]) -> dict[str, str]:
    """Return those of the private values that must be unique among all shops."""
    left_out = {row["name"] for row in manifest["secrets"] if row["format"] in formats.NOT_FINGERPRINTED}
    left_out |= {"admin.password_hash", "admin_folder"}
    return {name: value for name, value in private.items() if name not in left_out}


def host(domain: str, address: SiteAddress) -> str:
    """Return the shop's host as it stands in URLs."""
    return domain if address.port == 80 else f"{domain}:{address.port}"


def tls_host(domain: str, address: SiteAddress) -> str:
    """Return the shop's host as it stands in https URLs."""
    return domain if address.tls_port == 443 else f"{domain}:{address.tls_port}"


def address(scheme: str, host: str, folder: str) -> dict[str, str]:
    """Return the values that locate a shop, below `folder` of its host or ("") at its root: its address is always
    built of these (see `shop_url`)."""
    below = f"/{folder}" if folder else ""
    return {
        "scheme": scheme,
        "domain": host,
        "base_path": below,
        "base_uri": f"{below}/",
        "shop.address": f"{host}{below}",
        "shop.url": f"{scheme}://{host}{below}",
    }


def shop_url(values: Mapping[str, str]) -> str:
    """Return the shop's address as people open it."""
    return f"{values['scheme']}://{values['domain']}{values['base_uri']}"


def admin_url(values: Mapping[str, str]) -> str:
    """Return the back office's address."""
    folder = values["admin_folder"]
    return f"{shop_url(values)}{folder}/" if folder else shop_url(values)


def _proof(endpoint: DatabaseEndpoint) -> dict[str, str]:
    """Return the values by which the agent verifies the database server; none where the usual ones suffice."""
    known = {
        "db.uid": "" if endpoint.uid is None else str(endpoint.uid),
        "db.tls": endpoint.tls,
        "db.tls_ca": endpoint.tls_ca,
        "db.tls_pin": endpoint.tls_pin,
    }
    return {name: value for name, value in known.items() if value}


def all_values(
    job: Job,
    account: Account,
    endpoint: DatabaseEndpoint,
    place: SiteAddress,
    names: tuple[str, str],
    private: Mapping[str, str],
) -> dict[str, str]:
    """Return name -> value: the same for every attempt of a job unless its access to the database changed."""
    order = job.order
    by_socket = endpoint.host == "localhost"
    port = "" if by_socket or endpoint.port == 3306 else str(endpoint.port)
    found = address("http", host(job.domain, place), job.folder)
    return {
        **found,
        "domain_ssl": tls_host(job.domain, place),
        "root": account.document_root.rstrip("/") + found["base_path"],
        "home": account.home.rstrip("/"),
        "db.host": endpoint.host,
        "db.port": port,
        "db.address": f"{endpoint.host}:{port}" if port else endpoint.host,
        "db.socket": endpoint.socket or "",
        **_proof(endpoint),
        "db.name": names[0],
        "db.user": names[1],
        "admin.email": job.email,
        "admin.first_name": order.get("first_name") or job.noun.capitalize(),
        "admin.last_name": order.get("last_name") or "Owner",
        "shop.name": order.get("shop_name") or readable(job.domain),
        "shop.email": job.email,
        "shop.language": job.language,
        "shop.time_zone": order.get("options", {}).get("time_zone", ""),
        "shop.currency": order.get("options", {}).get("currency", ""),
        "shop.country": order.get("country") or DEFAULT_COUNTRY.get(job.language, "US"),
        **{name: value for name, value in private.items() if name not in NEVER_SENT},
    }


def of(work: Work) -> dict[str, str]:
    """Return the values (name -> text) of the job of `work`. Raises ShoplaunchError of the panel."""
    panel, account = work.tools.panel, work.account
    private = work.private
    if work.job.kind != RESTORE:
        private = {"admin_folder": work.later["admin_folder"], **private}
    endpoint, site = panel.database_endpoint(account), panel.site_address(account)
    return all_values(work.job, account, endpoint, site, work.database_names, private)
