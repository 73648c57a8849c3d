"""A small JSON Schema validator (the subset our schemas use) that needs no third-party library."""

import functools
import json
import re

from shared import data
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any

_TYPES: "dict[str, type[Any]]" = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
#: So much of a name is said in a problem's place.
_NAME_CHARS = 80
_cache: "dict[str, dict[str, Any]]" = {}


def load_schema(name: str) -> "dict[str, object]":
    """Return the schema of the file schemas/`name`.json as a dict."""
    if name not in _cache:
        text = data.read(globals(), "schemas/{}.json".format(name)).decode("utf-8")
        _cache[name] = json.loads(text)
    return _cache[name]


def validate(name: str, document: "Any", code: str) -> "Any":
    """Return `document`; raise ShoplaunchError `code` with the first place where it violates the schema `name`."""
    schema = load_schema(name)
    problem = _problem(document, schema, schema, ())
    if problem:
        raise ShoplaunchError(code, "{}: {}".format(name, problem))
    return document


def fits(document: "Any", schema: "dict[str, Any]") -> bool:
    """Return whether `document` is as `schema`, which may be another version's, demands."""
    return _problem(document, schema, schema, ()) is None


def _is_type(value: object, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def _problem(value: "Any", schema: "dict[str, Any]", root: "dict[str, Any]", where: "tuple[Any, ...]") -> "str | None":
    """Return a sentence about the first problem, or None.

    `where` is () for the document, else (`where` of the containing object or list, name or index in it).
    """
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(_is_type(value, kind) for kind in kinds):
            return "{} is not of type {}".format(_place(where), "/".join(kinds))
    # JSON's true does not equal 1
    if "const" in schema and (value != schema["const"] or isinstance(value, bool) != isinstance(schema["const"], bool)):
        return "{} is not {!r}".format(_place(where), schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return "{} is none of {}".format(_place(where), schema["enum"])
    if isinstance(value, dict):
        return _object_problem(value, schema, root, where)
    if isinstance(value, list):
        return _array_problem(value, schema, root, where)
    return _scalar_problem(value, schema, where)


def _place(where: "tuple[Any, ...]") -> str:
    """Return the location of a value in words."""
    if not where:
        return "it"
    before, part = where
    if isinstance(part, int):
        return "{}[{}]".format(_place(before) if before else "", part)
    # Others name the members of some objects, at any length
    part = part[:_NAME_CHARS]
    return "{}.{}".format(_place(before), part) if before else part or "it"


def _scalar_problem(value: "Any", schema: "dict[str, Any]", where: "tuple[Any, ...]") -> "str | None":
    if isinstance(value, str):
        if "pattern" in schema and not _expression(schema["pattern"]).search(value):
            return "{} does not match {}".format(_place(where), schema["pattern"])
        if len(value) < schema.get("minLength", 0):
            return "{} is too short".format(_place(where))
        if len(value) > schema.get("maxLength", len(value)):
            return "{} is too long".format(_place(where))
    elif _is_type(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            return "{} is out of range".format(_place(where))
    return None


# Used for every member and table: the lookup in `re`'s own cache takes longer than the match
@functools.lru_cache(maxsize=256)
def _expression(pattern: str) -> "re.Pattern[str]":
    # JSON Schema's $ matches only at the very end; Python's also before a final newline
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _array_problem(
    value: "list[Any]", schema: "dict[str, Any]", root: "dict[str, Any]", where: "tuple[Any, ...]"
) -> "str | None":
    if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
        return "{} has {} items".format(_place(where), len(value))
    if "items" in schema:
        for number, item in enumerate(value):
            problem = _problem(item, schema["items"], root, (where, number))
            if problem:
                return problem
    return None


def _object_problem(
    value: "dict[str, Any]", schema: "dict[str, Any]", root: "dict[str, Any]", where: "tuple[Any, ...]"
) -> "str | None":
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if key not in value:
            return "{} lacks {!r}".format(_place(where), key)
    for key, item in value.items():
        if "propertyNames" in schema:
            problem = _problem(key, schema["propertyNames"], root, ((), "the name {!r}".format(key[:80])))
            if problem:
                return problem
        problem = None
        if key in properties:
            problem = _problem(item, properties[key], root, (where, key))
        elif extra is False:
            problem = "{} is unknown".format(_place((where, key))[:120])
        elif isinstance(extra, dict):
            problem = _problem(item, extra, root, (where, key))
        if problem:
            return problem
    return None
