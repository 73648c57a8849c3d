"""The values of a job: everything its bundle's placeholders and statements may name."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.account import Account
from controller.db.jobs import Job
from controller.jobs.lifecycle.step_context import Work
from controller.jobs.shop import password_formats
from controller.jobs.shop import shop_secrets as formats
from controller.panels.base import DatabaseEndpoint, SiteAddress
from controller.recipes.registry import recipe_of
from controller.shop_address import ShopAddress
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


def located(address: ShopAddress) -> dict[str, str]:
    """Return the values that say where the shop is, by their placeholders' names."""
    return {
        "scheme": address.scheme,
        "domain": address.host_and_port,
        "base_path": address.base_path,
        "base_uri": address.base_uri,
        "shop.address": f"{address.host_and_port}{address.base_path}",
        "shop.url": f"{address.origin}{address.base_path}",
    }


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
    site: SiteAddress,
    names: tuple[str, str],
    private: Mapping[str, str],
) -> dict[str, str]:
    """Return name -> value: the same for every attempt of a job unless its access to the database changed."""
    order = job.order
    by_socket = endpoint.host == "localhost"
    port = "" if by_socket or endpoint.port == 3306 else str(endpoint.port)
    address = site.shop_at(job.domain, job.folder)
    return {
        **located(address),
        "domain_ssl": site.shop_at(job.domain, job.folder, https=True).host_and_port,
        "root": account.document_root.rstrip("/") + address.base_path,
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
        "shop.name": order.get("shop_name") or address.readable_host,
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
        private = {"admin_folder": work.follow_up["admin_folder"], **private}
    endpoint, site = panel.database_endpoint(account), panel.site_address(account)
    return all_values(work.job, account, endpoint, site, work.database_names, private)
