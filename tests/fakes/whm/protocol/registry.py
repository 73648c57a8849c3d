"""Which functions exist, which parameters they take, what they need; whatever is not here is refused."""

import fnmatch
from dataclasses import dataclass, field

from tests.fakes.whm.protocol.texts import Refusal

WHM = {}
UAPI = {}
API2 = {}


@dataclass(frozen=True)
class Function:
    """One function: `required` and `optional` parameters (`vhost-*` for numbered ones) and who may call it."""

    name: str
    handler: object
    required: tuple = ()
    optional: tuple = ()
    changes: bool = False
    acl: str = ""
    feature: str = ""
    doors: tuple = ("whm", "cpanel")
    legacy: str = "flat"


@dataclass
class Answer:
    """What a WHM function returns in addition to its data: the reason and `metadata.output`."""

    data: dict | None = None
    reason: str = "OK"
    output: dict = field(default_factory=dict)


def whm(name, required=(), optional=(), **more):
    """Register a WHM function: handler(double, token, args) -> dict, None or Answer."""
    return _register(WHM, name, name, required, optional, more)


def uapi(module, name, required=(), optional=(), **more):
    """Register a UAPI function: handler(double, account, args) -> data."""
    return _register(UAPI.setdefault(module, {}), name, f"{module}::{name}", required, optional, more)


def api2(module, name, required=(), optional=(), **more):
    """Register an API 2 function: handler(double, account, args) -> list of rows."""
    return _register(API2.setdefault(module, {}), name, f"{module}::{name}", required, optional, more)


def _register(table, key, name, required, optional, more):
    def keep(handler):
        table[key] = Function(name, handler, tuple(required), tuple(optional), **more)
        return handler

    return keep


def check_parameters(double, function, args):
    """Refuse missing and unknown parameters; an unknown one is also kept as a violation."""
    for name in function.required:
        if name not in args:
            raise Refusal("parameter_missing", name=name)
    for name in args:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in (*function.required, *function.optional)):
            double.violation(f"{function.name} does not know the parameter {name!r}")
            raise Refusal("parameter_unknown", name=name)


def numbered(args, name):
    """Return the values of `name`, `name-0`, `name-1` ... in order."""
    keys = [key for key in args if key == name or key.startswith(f"{name}-")]
    return [args[key] for key in sorted(keys, key=lambda key: int(key.partition("-")[2] or -1))]
