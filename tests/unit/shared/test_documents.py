"""The types of the documents say what their schemas say: the same names, the same of them required, nested alike."""

import ast
import json
import types
import typing
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
PLAIN = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}
#: Schema -> the type of its document.
TYPES = {
    "ack": "Ack",
    "agent-view": "AgentView",
    "billing-event": "BillingEvent",
    "certificate": "Certificate",
    "error-codes": "ErrorCodes",
    "event": "Event",
    "job": "Job",
    "manifest": "Manifest",
    "order": "Order",
    "service": "ServiceStatus",
    "state": "State",
}


def load_types():
    module = types.ModuleType("documents")
    SourceFileLoader("documents", str(SHARED / "documents.pyi")).exec_module(module)
    return module


def alternatives(kind):
    """Return the kinds that a union is made of, or the one there is."""
    return set(typing.get_args(kind)) if isinstance(kind, types.UnionType) else {kind}


def differences(schema, root, kind, where):
    """Yield in words where `kind` is not what `schema`, a part of the schema `root`, says."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if not {"type", "enum", "const"} & set(schema):
        if kind is not object:
            yield f"{where}: {kind} for anything"
        return
    names = plain_names(schema)
    wanted = {PLAIN[name] for name in names if name in PLAIN}
    rest = alternatives(kind) - set(PLAIN.values())
    if alternatives(kind) & set(PLAIN.values()) != wanted:
        yield f"{where}: {kind} for {sorted(names)}"
    nested = [name for name in names if name not in PLAIN]
    if len(rest) != len(nested):
        yield f"{where}: {kind} for {sorted(names)}"
    elif rest:
        yield from nested_differences(schema, root, rest.pop(), where)


def plain_names(schema):
    """Return the names of the JSON types that `schema` allows."""
    if "type" in schema:
        return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    values = schema["enum"] if "enum" in schema else [schema["const"]]
    named = {type(None): "null", str: "string", int: "integer"}
    return {named[type(value)] for value in values}


def nested_differences(schema, root, kind, where):
    if "items" in schema:
        if typing.get_origin(kind) is not list:
            yield f"{where}: {kind} for an array"
            return
        yield from differences(schema["items"], root, typing.get_args(kind)[0], where + "[]")
    elif "properties" in schema:
        if not typing.is_typeddict(kind):
            yield f"{where}: {kind} for an object with names"
            return
        yield from members(schema, root, kind, where)
    elif typing.get_origin(kind) is not dict or typing.get_args(kind)[0] is not str:
        yield f"{where}: {kind} for an object of any names"
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from differences(schema["additionalProperties"], root, typing.get_args(kind)[1], where + ".*")
    elif typing.get_args(kind)[1] is not object:
        yield f"{where}: {kind} for an object of anything"


def members(schema, root, kind, where):
    known = typing.get_type_hints(kind)
    if set(known) != set(schema["properties"]):
        yield f"{where}: other names: {sorted(set(known) ^ set(schema['properties']))}"
    if kind.__required_keys__ != set(schema.get("required", ())):
        yield f"{where}: others required: {sorted(kind.__required_keys__ ^ set(schema.get('required', ())))}"
    for name in set(known) & set(schema["properties"]):
        yield from differences(schema["properties"][name], root, known[name], f"{where}.{name}")


def schema_of(name):
    return json.loads((SHARED / "schemas" / f"{name}.json").read_text())


def test_every_schema_has_a_type():
    assert {path.stem for path in (SHARED / "schemas").glob("*.json")} == set(TYPES)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_type_of_a_document_says_what_its_schema_says(name):
    schema = schema_of(name)
    assert not list(differences(schema, schema, getattr(load_types(), TYPES[name]), name))


def test_the_agent_knows_every_field_of_its_state():
    module = ast.parse((SHARED.parent / "agent/base/state_fields.pyi").read_text("utf-8"))
    (fields,) = (one for one in module.body if isinstance(one, ast.ClassDef) and one.name == "Fields")
    assert set(schema_of("state")["properties"]) <= {one.target.id for one in fields.body}


def changed(path, value):
    """Return the schema of jobs with `value` at `path`."""
    schema = schema_of("job")
    place = schema
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (changed(("properties", "account", "properties", "shell"), {"type": "string"}), "job.account: other names"),
        (changed(("properties", "account", "required"), ["user"]), "job.account: others required"),
        (changed(("definitions", "statement", "properties", "sql", "type"), "integer"), "job.statements[].sql"),
        (changed(("properties", "variant", "type"), ["string", "null"]), "job.variant"),
        (changed(("properties", "values", "additionalProperties"), {"type": "integer"}), "job.values.*"),
        (changed(("properties", "edits", "items"), {"type": "string"}), "job.edits[]"),
        (changed(("properties", "variant"), {"description": "anything"}), "job.variant"),
    ],
)
def test_a_schema_that_says_something_else_is_seen(schema, expected):
    assert any(one.startswith(expected) for one in differences(schema, schema, load_types().Job, "job"))
