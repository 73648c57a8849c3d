"""GET /api/v1/openapi.json: the interface for programs as an OpenAPI document, made of the schemas in force; and
GET /docs/api: the same as a page."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from controller.jobs.agent_link.bundle_address import RENEWAL
from controller.jobs.agent_link.job_file import BUNDLE_PATH
from controller.web.api import signed_requests
from controller.web.support import problems
from shared.errors import CODES
from shared.schema import load_schema

bp = Blueprint("openapi", __name__)
PATH = "/api/v1/openapi.json"
#: Name of a schema in the document -> file in shared/schemas.
_SCHEMAS = {"Order": "order", "BillingEvent": "billing-event", "ServiceStatus": "service", "AgentEvent": "event"}
_JSON = "application/json"
#: More values are a list of their own.
MOST_VALUES = 20
_SIGNED: list[dict[str, list[str]]] = [{"key": [], "timestamp": [], "event": [], "signature": []}]
_BEARER: list[dict[str, list[str]]] = [{"token": []}]
_SERVICE = {
    "name": "service_id", "in": "path", "required": True,
    "description": "The billing system's number of the service, or the id of a job.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
}  # fmt: skip
_BUNDLE = {
    "name": "name", "in": "path", "required": True, "description": "The bundle, as the job file names it.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
}  # fmt: skip
_RANGE = {
    "name": "Range", "in": "header", "description": "One range of bytes; without it the whole bundle.",
    "schema": {"type": "string", "pattern": "^bytes=[0-9]+-[0-9]*$"},
}  # fmt: skip
_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457: why a request was refused, and what to do. Without `code` where HTTP itself refuses it.",
    "type": "object",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "instance": {"type": "string", "description": "The path of the request."},
        "detail": {"type": ["string", "null"]},
        "code": {"type": "string", "description": "Stable; shared/ERRORS.md lists them.", "enum": sorted(CODES)},
        "message": {"type": "string"},
        "advice": {"type": "string"},
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later."},
    },
}
#: Status -> what it says to a billing system; and to an agent, where that differs.
_REFUSALS = {
    400: "The request is not HTTP, or not as the document says.",
    401: "The signature is missing, wrong, more than five minutes old or used before (`request_unsigned`).",
    404: "The key has no such service (`service_unknown`).",
    409: "Another job has the domain (`domain_busy`), the event was another request's (`event_conflict`), or the job's "
    "state does not allow it (`illegal_transition`).",
    413: "The body is larger than 256 KiB (`body_too_large`).",
    422: "What is asked for is not possible; `code` and `message` say why (`order_invalid`, `server_unknown` …).",
    429: "The key asks too often (`key_throttled`); see Retry-After.",
    503: "The controller cannot answer now (`database_busy` …): send the same event again after Retry-After.",
}
_OF_AGENTS = {
    400: "The event breaks its schema (`event_invalid`).",
    401: "The token is wrong or over (`token_invalid`): the attempt ends.",
    404: "There is no such bundle (`bundle_missing`).",
    409: "A newer attempt has begun (`superseded`).",
    410: "The job was cancelled (`cancelled`): what was made is taken back.",
    413: "The event is larger than 8 KiB (`finished`: 768 KiB; `failed` of an earlier release's agent: 256 KiB; "
    "`event_too_large`), or the job has stored enough of them (`events_full`).",
    429: "Too many events a minute (`events_too_fast`); see Retry-After.",
    503: "The controller cannot answer now, or too many bundles are fetched (`downloads_busy`); see Retry-After.",
}
_RETRY = {
    "title": "Retry",
    "type": "object",
    "properties": {
        "step": {"type": ["string", "null"], "description": "The step to run again; null: the one that failed."},
    },
}
_ACCEPTED = {
    "title": "Accepted event",
    "type": "object",
    "required": ["attempt"],
    "properties": {"attempt": {"type": "integer", "description": "The job's current attempt."}},
}
_ADDRESS = {
    "title": "Bundle address",
    "type": "object",
    "required": ["url"],
    "properties": {"url": {"type": "string", "description": "Who has it may fetch the bundle: it is not logged."}},
}


@bp.get(PATH)
def show() -> Response:
    """Answer with the OpenAPI document."""
    return jsonify(document())


@bp.get("/docs/api")
def page() -> str:
    """Return the page: each operation with its fields and answers."""
    found = document()
    operations = [
        {
            "path": path, "method": method.upper(), **operation, "is_signed": operation["security"] == _SIGNED,
            "bodies": _bodies(operation),
        }
        for path, item in found["paths"].items()
        for method, operation in item.items()
    ]  # fmt: skip
    return render_template(
        "interface.html", operations=operations, schemes=found["components"]["securitySchemes"], path=PATH,
        answers={name: rows(found["components"]["schemas"][name]) for name in ("ServiceStatus", "Problem")},
    )  # fmt: skip


def _bodies(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the kinds of bodies of an operation, each with its fields."""
    if "requestBody" not in operation:
        return []
    schema = operation["requestBody"]["content"][_JSON]["schema"]
    found = []
    for one in schema.get("oneOf", [schema]):
        body = document()["components"]["schemas"][one["$ref"].rpartition("/")[2]]
        found.append({"title": body["title"], "fields": rows(body)})
    return found


def rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of an object's schema: name, type, whether it is required, what it may be."""
    return [
        {
            "name": name, "type": _type(field), "is_required": name in schema.get("required", ()),
            "description": field.get("description", ""), "limits": _limits(field),
        }
        for name, field in schema["properties"].items()
    ]  # fmt: skip


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field or "const" in field:
        return "one of"
    kinds = field.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _limits(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return "" if len(field["enum"]) > MOST_VALUES else ", ".join(str(value) for value in field["enum"])
    shown = {
        "const": "",
        "pattern": "",
        "minLength": "at least ",
        "maxLength": "at most ",
        "minimum": "≥ ",
        "maximum": "≤ ",
    }
    return ", ".join(f"{word}{field[name]}" for name, word in shown.items() if name in field)


@functools.cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0)."""
    schemas = {name: _schema(file) for name, file in _SCHEMAS.items()}
    schemas |= {"Problem": _PROBLEM, "Retry": _RETRY, "AcceptedEvent": _ACCEPTED, "BundleAddress": _ADDRESS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shoplaunch",
            "version": version("shoplaunch"),
            "description": "Orders for shops, their status, and the reports of agents. Refusals are problem documents.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "paths": _paths(),
        "components": {"schemas": schemas, "securitySchemes": _security()},
    }


def _schema(name: str) -> dict[str, Any]:
    return {key: value for key, value in load_schema(name).items() if key != "$schema"}


def _paths() -> dict[str, object]:
    order = {"oneOf": [_ref("Order"), _ref("BillingEvent")]}
    return {
        "/api/v1/orders": {"post": _operation(
            "placeOrder", "Order a shop, or report what happened to a service in the billing system.", _SIGNED,
            {"202": ("ServiceStatus", "Accepted; the same event again gets the same answer.")},
            (400, 401, 409, 413, 422, 429, 503), body=order,
        )},
        "/api/v1/services/{service_id}": {"get": _operation(
            "showService", "Show the status of a service.", _SIGNED,
            {"200": ("ServiceStatus", "Its newest job, or what it waits for.")}, (401, 404, 422, 429, 503),
            parameters=[_SERVICE],
        )},
        "/api/v1/services/{service_id}/retry": {"post": _operation(
            "retryService", "Run the failed step of a service's job again.", _SIGNED,
            {"202": ("ServiceStatus", "The step is due.")}, (400, 401, 404, 409, 413, 422, 429, 503),
            parameters=[_SERVICE], body=_ref("Retry"),
        )},
        "/api/v1/agent/events": {"post": _operation(
            "reportEvent", "Report how far an agent is.", _BEARER, {"202": ("AcceptedEvent", "Recorded.")},
            (400, 401, 409, 410, 413, 429, 503), body=_ref("AgentEvent"),
        )},
        BUNDLE_PATH + "{name}": {"get": _operation(
            "fetchBundle", "Fetch the bundle of an agent's job.", _BEARER,
            {"200": (None, "The bundle."), "206": (None, "The requested range."), "416": (None, "No such range.")},
            (401, 404, 409, 410, 429, 503), parameters=[_BUNDLE, _RANGE],
        )},
        f"{BUNDLE_PATH}{{name}}{RENEWAL}": {"post": _operation(
            "renewBundleAddress", "Name the address at which the agent of a job fetches its bundle now.", _BEARER,
            {"200": ("BundleAddress", "The object store's, valid for minutes, or the controller's own.")},
            (401, 404, 409, 410, 503), parameters=[_BUNDLE],
        )},
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    security: Sequence[Mapping[str, object]],
    answers: Mapping[str, tuple[str | None, str]],
    refusals: Sequence[int],
    **more: object,
) -> dict[str, object]:
    """Return an operation; `answers` maps a status to (schema or None for bytes, meaning)."""
    found: dict[str, Any] = {"operationId": name, "summary": summary, "security": list(security)}
    if "parameters" in more:
        found["parameters"] = more["parameters"]
    if "body" in more:
        found["requestBody"] = {"required": True, "content": {_JSON: {"schema": more["body"]}}}
    found["responses"] = {status: _answer(*answer) for status, answer in answers.items()}
    refused = _REFUSALS | (_OF_AGENTS if security is _BEARER else {})
    for status in refusals:
        content = {problems.MEDIA_TYPE: {"schema": _ref("Problem")}}
        found["responses"][str(status)] = {"description": refused[status], "content": content}
    return found


def _answer(schema: str | None, meaning: str) -> dict[str, object]:
    if schema is None:
        return {"description": meaning, "content": {"application/octet-stream": {}}}
    return {"description": meaning, "content": {_JSON: {"schema": _ref(schema)}}}


def _security() -> dict[str, object]:
    headers = {
        "key": (signed_requests.HEADER_KEY, "The name of a key of `shoplaunch key add`."),
        "timestamp": (signed_requests.HEADER_TIMESTAMP, "Unix seconds, at most five minutes off."),
        "event": (signed_requests.HEADER_EVENT, "A UUID; a request that is sent again keeps it."),
        "signature": (
            signed_requests.HEADER_SIGNATURE,
            "`v1=` and the hexadecimal HMAC-SHA256, by the key's secret, of the lines timestamp, event, METHOD, "
            "path?query, and the hexadecimal SHA-256 of the body; joined by line feeds, none at the end.",
        ),
    }
    found = {
        name: {"type": "apiKey", "in": "header", "name": header, "description": text}
        for name, (header, text) in headers.items()
    }
    token = {"type": "http", "scheme": "bearer", "description": "The token in an agent's job file."}
    return {**found, "token": token}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
