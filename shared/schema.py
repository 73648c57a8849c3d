"""A small JSON Schema validator (the subset our schemas use) for interpreters without third-party libraries."""

import json
import re

from shared import data
from shared.errors import ShoplaunchError

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_cache = {}


def load_schema(name):
    """Return the schema `name` (that of the file schemas/NAME.json) as a dict."""
    if name not in _cache:
        text = data.read(globals(), "schemas/{}.json".format(name)).decode("utf-8")
        _cache[name] = json.loads(text)
    return _cache[name]


def validate(name, document, code):
    """Raise ShoplaunchError `code` naming the first place where `document` breaks schema `name`; return `document`."""
    schema = load_schema(name)
    problem = _problem(document, schema, schema, "")
    if problem:
        raise ShoplaunchError(code, "{}: {}".format(name, problem))
    return document


def _is_type(value, kind):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def _problem(value, schema, root, where):
    """Return a sentence about the first problem, or None."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(_is_type(value, kind) for kind in kinds):
            return "{} is not of type {}".format(where or "it", "/".join(kinds))
    # In JSON true is not 1
    if "const" in schema and (value != schema["const"] or isinstance(value, bool) != isinstance(schema["const"], bool)):
        return "{} is not {!r}".format(where or "it", schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return "{} is none of {}".format(where or "it", schema["enum"])
    for check in (_scalar_problem, _array_problem, _object_problem):
        problem = check(value, schema, root, where)
        if problem:
            return problem
    return None


def _scalar_problem(value, schema, root, where):
    if isinstance(value, str):
        if "pattern" in schema and not _matches(schema["pattern"], value):
            return "{} does not match {}".format(where, schema["pattern"])
        if len(value) < schema.get("minLength", 0):
            return "{} is too short".format(where)
        if len(value) > schema.get("maxLength", len(value)):
            return "{} is too long".format(where)
    elif _is_type(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            return "{} is out of range".format(where)
    return None


def _matches(pattern, value):
    # JSON Schema's $ is the very end; Python's also stands before a last newline
    if pattern.endswith("$"):
        pattern = pattern[:-1] + r"\Z"
    return re.search(pattern, value) is not None


def _array_problem(value, schema, root, where):
    if not isinstance(value, list):
        return None
    if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
        return "{} has {} items".format(where or "it", len(value))
    if "items" in schema:
        for number, item in enumerate(value):
            problem = _problem(item, schema["items"], root, "{}[{}]".format(where, number))
            if problem:
                return problem
    return None


def _object_problem(value, schema, root, where):
    if not isinstance(value, dict):
        return None
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if key not in value:
            return "{} lacks {!r}".format(where or "it", key)
    for key, item in value.items():
        inside = "{}.{}".format(where, key) if where else key
        if "propertyNames" in schema:
            problem = _problem(key, schema["propertyNames"], root, "the name {!r}".format(key[:80]))
            if problem:
                return problem
        if key in properties:
            problem = _problem(item, properties[key], root, inside)
        elif extra is False:
            problem = "{} is unknown".format(inside[:120])
        elif isinstance(extra, dict):
            problem = _problem(item, extra, root, inside)
        else:
            problem = None
        if problem:
            return problem
    return None
