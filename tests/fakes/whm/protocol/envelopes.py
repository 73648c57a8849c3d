"""How answers are wrapped: WHM API 1, its older shape, UAPI, API 2."""

from dataclasses import dataclass, field


@dataclass
class Reply:
    """One HTTP answer; `body` is a JSON value or HTML."""

    status: int
    body: object
    kind: str = "application/json"
    refused: bool = False
    headers: dict = field(default_factory=dict)


def whm_good(command, answer):
    """Return the envelope of a WHM function that did its work."""
    metadata = {"version": 1, "command": command, "reason": answer.reason, "result": 1}
    if answer.output:
        metadata["output"] = answer.output
    body = {"metadata": metadata}
    if answer.data is not None:
        body["data"] = answer.data
    return body


def whm_bad(command, text):
    """Return the envelope of a WHM function that refused; there is no data then."""
    return {"metadata": {"version": 1, "command": command, "result": 0, "reason": text}}


def legacy_good(shape, answer):
    """Return what a call without `api.version` gets."""
    if shape == "result":
        row = {"status": 1, "statusmsg": answer.reason, "rawout": answer.output.get("raw", "")}
        return {"result": [{**row, "options": answer.data or {}}]}
    return {"status": 1, "statusmsg": "Ok" if answer.reason == "OK" else answer.reason, **(answer.data or {})}


def legacy_bad(shape, text):
    """Return what a call without `api.version` gets when it is refused."""
    if shape == "result":
        return {"result": [{"status": 0, "statusmsg": text, "rawout": "", "options": None}]}
    return {"status": 0, "statusmsg": text, "acct": None}


def uapi_result(quirks, data, errors=None):
    """Return the members of a UAPI answer."""
    return {
        "status": 0 if errors else 1,
        "data": data,
        "errors": errors,
        "messages": None,
        "warnings": None,
        "metadata": {"transformed": 1} if quirks.transformed else {},
    }


def uapi_command(module, function, result):
    """Return the form with `result`, as on the command line and through /json-api/cpanel."""
    return {"apiversion": 3, "module": module, "func": function, "result": result}


def api2_good(module, function, data, error=None):
    """Return an API 2 answer; a failure of single rows has `error` and yet event.result 1."""
    inner = {"apiversion": 2, "module": module, "func": function, "event": {"result": 1}, "data": data}
    if error is None:
        inner.update(preevent={"result": 1}, postevent={"result": 1})
    else:
        inner["error"] = error
    return {"cpanelresult": inner}


def api2_bad(quirks, module, function, text):
    """Return an API 2 failure: of the event itself, of the whole with a text, or both."""
    result = 1 if quirks.api2_refusal == "error" else "0" if quirks.api2_failure == "str" else 0
    inner = {"apiversion": 2, "module": module, "func": function, "data": [], "event": {"result": result}}
    if quirks.api2_refusal != "event":
        inner["error"] = text
    return {"cpanelresult": inner}


def api2_denied(text):
    """Return the old form of a call that is not allowed at all."""
    data = {"reason": text, "result": "0"}
    return {"cpanelresult": {"apiversion": "2", "error": text, "data": data, "type": "text"}}


def api2_in_whm(quirks, body):
    """Return an API 2 answer to a call with `api.version=1`, as this server wraps it."""
    if quirks.api2_envelope == "raw":
        return body
    metadata = {"version": 1, "command": "cpanel", "reason": "OK", "result": 1}
    return {"data": body if quirks.api2_envelope == "wrapped" else body["cpanelresult"], "metadata": metadata}
