"""The values of a job: everything its bundle's placeholders and statements may name."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

import bcrypt

from controller.db.jobs import Job
from controller.jobs import secrets as formats
from controller.jobs.domains import readable
from controller.panels.base import Account, DatabaseEndpoint, SiteAddress
from controller.recipes.base import MD5_COOKIE_KEY, Recipe
from controller.recipes.registry import RECIPES
from shared.errors import ShoplaunchError

BCRYPT_ROUNDS = 10
#: What follows is not looked at.
BCRYPT_BYTES = 72
DEFAULT_COUNTRY = {"fa": "IR"}
#: Of the private values, what never travels into the account.
NEVER_SENT = ("admin.password",)


def make_private(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what is made for one job alone: secrets, passwords, the back office's folder; once per job."""
    password = formats.password()
    made = formats.make_all(manifest["secrets"])
    return {
        **made,
        "db.password": formats.database_password(),
        "admin.password": password,
        "admin.password_hash": _hashed(password, manifest, made),
        "admin_folder": _admin_folder(manifest),
    }


def _hashed(password: str, manifest: Mapping[str, Any], made: Mapping[str, str]) -> str:
    recipe = _recipe(manifest)
    if recipe is None or recipe.password_format(manifest["application"]["version"]) != MD5_COOKIE_KEY:
        return password_hash(password)
    keyed = (made["secret.cookie_key"] + password).encode("utf-8")
    return hashlib.md5(keyed, usedforsecurity=False).hexdigest()


def password_hash(password: str) -> str:
    """Return the hash of an administrator's password. Raises ShoplaunchError `order_invalid` beyond bcrypt's limit."""
    coded = password.encode("utf-8")
    if not 0 < len(coded) <= BCRYPT_BYTES or b"\0" in coded:
        raise ShoplaunchError("order_invalid", f"a password has 1 to {BCRYPT_BYTES} bytes")
    return bcrypt.hashpw(coded, bcrypt.gensalt(BCRYPT_ROUNDS, prefix=b"2b")).decode("ascii")


def _recipe(manifest: Mapping[str, Any]) -> Recipe | None:
    return RECIPES.get(manifest["application"].get("recipe") or manifest["application"]["name"])


def _admin_folder(manifest: Mapping[str, Any]) -> str:
    recipe = _recipe(manifest)
    if recipe is not None:
        return recipe.new_admin_folder(secrets.choice)
    return "backoffice" + "".join(secrets.choice(formats.FOLDER) for _ in range(8))


def fingerprinted(manifest: Mapping[str, Any], private: Mapping[str, str]) -> dict[str, str]:
    """Return those of the private values that no other shop may have."""
    left_out = {row["name"] for row in manifest["secrets"] if row["format"] in formats.NOT_FINGERPRINTED}
    left_out |= {"admin.password_hash", "admin_folder"}
    return {name: value for name, value in private.items() if name not in left_out}


def host(domain: str, address: SiteAddress) -> str:
    """Return the shop's host as it stands in URLs."""
    return domain if address.port == 80 else f"{domain}:{address.port}"


def tls_host(domain: str, address: SiteAddress) -> str:
    """Return the shop's host as it stands in https URLs."""
    return domain if address.tls_port == 443 else f"{domain}:{address.tls_port}"


def shop_url(values: Mapping[str, str]) -> str:
    """Return the shop's address."""
    return f"{values['scheme']}://{values['domain']}{values['base_uri']}"


def admin_url(values: Mapping[str, str]) -> str:
    """Return the back office's address."""
    return f"{shop_url(values)}{values['admin_folder']}/"


def all_values(
    job: Job,
    account: Account,
    endpoint: DatabaseEndpoint,
    address: SiteAddress,
    names: tuple[str, str],
    private: Mapping[str, str],
) -> dict[str, str]:
    """Return name -> value: the same for every attempt of a job unless the database's access changed."""
    order = job.order
    by_socket = endpoint.host == "localhost"
    port = "" if by_socket or endpoint.port == 3306 else str(endpoint.port)
    return {
        "domain": host(job.domain, address),
        "domain_ssl": tls_host(job.domain, address),
        "root": account.document_root.rstrip("/"),
        "home": account.home.rstrip("/"),
        "base_uri": "/",
        "scheme": "http",
        "db.host": endpoint.host,
        "db.port": port,
        "db.address": f"{endpoint.host}:{port}" if port else endpoint.host,
        "db.socket": endpoint.socket or "",
        "db.name": names[0],
        "db.user": names[1],
        "admin.email": job.email,
        "admin.first_name": order.get("first_name") or "Shop",
        "admin.last_name": order.get("last_name") or "Owner",
        "shop.name": order.get("shop_name") or readable(job.domain),
        "shop.email": job.email,
        "shop.language": job.language,
        "shop.time_zone": order.get("options", {}).get("time_zone", ""),
        "shop.currency": order.get("options", {}).get("currency", ""),
        "shop.country": order.get("country") or DEFAULT_COUNTRY.get(job.language, "US"),
        **{name: value for name, value in private.items() if name not in NEVER_SENT},
    }
