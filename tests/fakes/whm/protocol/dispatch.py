"""From a request to a function: which API, which account, which rights; refusals as each API words them."""

import urllib.parse

from shared.errors import ShoplaunchError
from tests.fakes.whm import api2, functions, uapi  # noqa: F401 - they register what they offer
from tests.fakes.whm.protocol import envelopes as shape
from tests.fakes.whm.protocol.envelopes import Reply
from tests.fakes.whm.protocol.registry import API2, UAPI, WHM, Answer, check_parameters
from tests.fakes.whm.protocol.texts import Refusal, say

META_NAMES = ("api.version",)
BRIDGE = ("cpanel_jsonapi_user", "cpanel_jsonapi_apiversion", "cpanel_jsonapi_module", "cpanel_jsonapi_func")
BRIDGE_NAMES = (*BRIDGE, *META_NAMES)


def label(request):
    """Return the function's name for records and switches: `createacct`, `Mysql::create_database`."""
    head, _, rest = request.path.strip("/").partition("/")
    args = request.args
    if head == "execute":
        return rest.replace("/", "::")
    if head == "json-api" and rest == "uapi_cpanel":
        return f"{args.get('cpanel.module', '')}::{args.get('cpanel.function', '')}"
    if head == "json-api" and rest == "cpanel":
        return f"{args.get('cpanel_jsonapi_module', '')}::{args.get('cpanel_jsonapi_func', '')}"
    return rest if head == "json-api" else request.path


def changes(request):
    """Return whether the function that is called changes anything."""
    name = label(request)
    module, _, function = name.partition("::")
    tables = (WHM,) if not function else (UAPI.get(module, {}), API2.get(module, {}))
    found = [table[function or name] for table in tables if (function or name) in table]
    return any(one.changes for one in found)


def dispatch(double, door, token, request):
    """Return the Reply to an authenticated request."""
    head, _, rest = request.path.strip("/").partition("/")
    if head == "json-api" and rest == "cpanel":
        return _bridge(double, door, token, request.args)
    if head == "execute" and door == "cpanel":
        return _execute(double, token, request, rest)
    if head == "json-api" and door == "whm":
        return _whm(double, token, rest, request)
    double.violation(f"{request.path} was called on the wrong port")
    return Reply(200, shape.whm_bad(rest, "Permission denied"), refused=True)


dispatch.changes = changes

# -- WHM API 1 -------------------------------------------------------------------------------------------------------


def _whm(double, token, name, request):
    modern = request.args.get("api.version") == "1"
    function = WHM.get(name)
    legacy = function.legacy if function else "flat"
    try:
        answer = call_whm(double, token, name, request.args, request.lists)
    except Refusal as refusal:
        text = refusal.text(double.quirks)
        body = shape.whm_bad(name, text) if modern else shape.legacy_bad(legacy, text)
        return Reply(200, body, refused=True)
    inner = (answer.data or {}).get("uapi") if name == "uapi_cpanel" else None
    body = shape.whm_good(name, answer) if modern else shape.legacy_good(legacy, answer)
    return Reply(200, body, refused=bool(inner) and not inner["status"])


def call_whm(double, token, name, args, lists=None):
    """Carry out one WHM function; return its Answer. Raises Refusal."""
    function = WHM.get(name)
    if function is None:
        raise Refusal("unknown_app", name=name, version=args.get("api.version", "0"))
    if function.acl and not token.everything and function.acl not in token.acls:
        raise Refusal(double.next_acl_text(), acl=function.acl)
    own = {key: value for key, value in args.items() if key not in META_NAMES}
    if name == "uapi_cpanel":
        return Answer({"uapi": uapi_through_whm(double, token, own)})
    check_parameters(double, function, own)
    if name in double.quirks.fails:
        raise Refusal("system", error=double.quirks.fails[name])
    if name == "batch":
        own["command"] = (lists or {}).get("command", [])
    try:
        answer = function.handler(double, token, own)
    except ShoplaunchError as error:
        raise Refusal("system", error=error.message) from None
    return answer if isinstance(answer, Answer) else Answer(answer)


# -- UAPI ------------------------------------------------------------------------------------------------------------


def uapi_through_whm(double, token, args):
    """Return the members of a UAPI answer. Raises Refusal when the account is not the caller's."""
    for name in ("cpanel.user", "cpanel.module", "cpanel.function"):
        if name not in args:
            raise Refusal("parameter_missing", name=name)
    account = double.state.visible(token, args["cpanel.user"])
    if account is None:
        raise Refusal("not_yours", name=args["cpanel.user"])
    own = {key: value for key, value in args.items() if not key.startswith("cpanel.")}
    return call_uapi(double, account, (args["cpanel.module"], args["cpanel.function"]), own, "whm")


def _execute(double, token, request, rest):
    module, _, name = rest.partition("/")
    account = double.state.accounts[token.user]
    result = call_uapi(double, account, (module, name), request.args, "cpanel", request.files)
    return Reply(200, result, refused=not result["status"])


def call_uapi(double, account, which, args, door, files=None):
    """Carry out the UAPI function `which`, (module, name), as the account; return the members of its answer."""
    module, name = which
    try:
        function = find_uapi(module, name)
        if door not in function.doors:
            raise Refusal("upload_refused")
        _allow(double, account, function)
        check_parameters(double, function, args)
        data = function.handler(double, account, {**args, **({"files": files} if files else {})})
    except Refusal as refusal:
        return shape.uapi_result(double.quirks, None, [refusal.text(double.quirks)])
    except ShoplaunchError as error:
        return shape.uapi_result(double.quirks, None, [say(double.quirks, "system", error=error.message)])
    return shape.uapi_result(double.quirks, data)


def find_uapi(module, name):
    """Return the UAPI function. Raises Refusal in UAPI's own words."""
    if module not in UAPI:
        raise Refusal("module", name=f"Cpanel::API::{module}")
    if name not in UAPI[module]:
        raise Refusal("no_function", name=name, module=module)
    return UAPI[module][name]


def _allow(double, account, function):
    if account.suspended and double.quirks.suspended_calls == "fail":
        raise Refusal("suspended", name=account.user)
    if function.feature and not double.state.feature(account, function.feature):
        raise Refusal("feature", name=function.feature)


# -- API 2 -----------------------------------------------------------------------------------------------------------


def _bridge(double, door, token, args):
    modern = args.get("api.version") == "1" and door == "whm"
    version = args.get("cpanel_jsonapi_apiversion", "2")
    module, name = args.get("cpanel_jsonapi_module", ""), args.get("cpanel_jsonapi_func", "")
    try:
        account = _bridge_account(double, door, token, args.get("cpanel_jsonapi_user", ""))
    except Refusal as refusal:
        text = refusal.text(double.quirks)
        return Reply(200, shape.whm_bad("cpanel", text) if modern else shape.api2_denied(text), refused=True)
    own = {key: value for key, value in args.items() if key not in BRIDGE_NAMES}
    if version == "3":
        result = call_uapi(double, account, (module, name), own, "whm")
        body = shape.uapi_command(module, name, result)
        refused = not result["status"]
    else:
        body, refused = _call_api2(double, account, module, name, own)
    if modern and version != "3":
        body = shape.api2_in_whm(double.quirks, body)
    elif modern and double.quirks.api2_envelope != "raw":
        body = shape.whm_good("cpanel", Answer(body))
    return Reply(200, body, double.quirks.api2_content_type, refused=refused)


def _bridge_account(double, door, token, user):
    if door == "whm" and not token.everything and "cpanel-api" not in token.acls:
        raise Refusal(double.next_acl_text(), acl="cpanel-api")
    if user != user.lower():
        raise Refusal("json_user", name=user)
    account = double.state.visible(token, user) if door == "whm" or user == token.user else None
    if account is None:
        raise Refusal("no_access", name=user)
    return account


def _call_api2(double, account, module, name, args):
    try:
        function = API2.get(module, {}).get(name)
        if function is None:
            raise Refusal("no_function", name=name, module=module)
        _allow(double, account, function)
        check_parameters(double, function, args)
        rows = function.handler(double, account, args)
    except Refusal as refusal:
        return shape.api2_bad(double.quirks, module, name, refusal.text(double.quirks)), True
    except ShoplaunchError as error:
        text = say(double.quirks, "system", error=error.message)
        return shape.api2_bad(double.quirks, module, name, text), True
    error = next((row["err"] for row in rows if row.get("err")), None)
    refused = any(str(row.get("status", row.get("result", 1))) == "0" for row in rows)
    return shape.api2_good(module, name, rows, error), refused


def split_command(command):
    """Return (function, args) of one URI-encoded batch command."""
    name, _, query = urllib.parse.unquote(command).partition("?")
    return name, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
