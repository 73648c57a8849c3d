"""One request as the server understood it: path, parameters, and what must not have been in its address."""

import json
import urllib.parse
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

#: Whatever is in an address ends up in access logs.
SECRET_NAMES = ("password", "pass", "content", "token", "cpanel_jsonapi_password")
MAX_QUERY_VALUE = 1024
#: Shorter values may be found by chance.
MIN_SECRET = 8
#: The parameters that name the account a call is about.
ACCOUNT_NAMES = ("cpanel.user", "cpanel_jsonapi_user", "user", "username")


@dataclass
class Request:
    """A parsed request; `args` are all parameters, `lists` those given more than once."""

    method: str
    path: str
    args: dict = field(default_factory=dict)
    query_names: tuple = ()
    lists: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    violations: list = field(default_factory=list)


def parse(method, target, headers, body):
    """Return the Request of a target and a body (bytes)."""
    path, _, query = target.partition("?")
    request = Request(method, urllib.parse.unquote(path))
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    request.query_names = tuple(name for name, _ in pairs)
    _look_for_secrets(request, pairs)
    pairs += _body_pairs(request, headers, body)
    for name, value in pairs:
        request.lists.setdefault(name, []).append(value)
    request.args = {name: values[-1] for name, values in request.lists.items()}
    for name, values in request.lists.items():
        if len(values) > 1 and name != "command":
            request.violations.append(f"the parameter {name!r} was given {len(values)} times")
    return request


def secrets_in(args):
    """Return the values that must never be found in any address."""
    found = {args[name] for name in SECRET_NAMES if name in args}
    return {value for value in found if len(value) >= MIN_SECRET}


def account_of(request):
    """Return the account a call (of several in one, the first that names any) is about, "" when it is about none."""
    queries = [urllib.parse.unquote(command).partition("?")[2] for command in request.lists.get("command", ())]
    named = [request.args, *(dict(urllib.parse.parse_qsl(query)) for query in queries)]
    return next((args[name] for args in named for name in ACCOUNT_NAMES if name in args), "")


def _look_for_secrets(request, pairs):
    for name, value in pairs:
        if name in SECRET_NAMES:
            request.violations.append(f"{name!r} is in the address of a call of {request.path}")
        elif len(value) > MAX_QUERY_VALUE:
            request.violations.append(f"{len(value)} characters of {name!r} are in the address of {request.path}")
        elif name == "command" and any(f"{secret}=" in urllib.parse.unquote(value) for secret in SECRET_NAMES):
            request.violations.append("a batch command with a secret is in the address")


def _body_pairs(request, headers, body):
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not body:
        return []
    if request.method == "GET":
        request.violations.append("a GET with a body")
        return []
    if kind == "application/x-www-form-urlencoded":
        text = body.decode("utf-8", "surrogateescape")
        return urllib.parse.parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    if kind == "application/json":
        values = json.loads(body)
        return [(name, one if isinstance(one, str) else json.dumps(one)) for name, one in values.items()]
    if kind == "multipart/form-data":
        return _multipart(request, headers, body)
    request.violations.append(f"a body of the kind {kind!r}")
    return []


def _multipart(request, headers, body):
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode("latin-1")
    pairs = []
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename() is None:
            pairs.append((name, content.decode("utf-8", "surrogateescape")))
        else:
            request.files[name] = (part.get_filename(), content)
    return pairs
