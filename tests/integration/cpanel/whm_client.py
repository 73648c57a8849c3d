"""A plain client for tests of the WHM double: sends exactly what it is given and hides nothing."""

import requests

from tests.support.servers.local_server import as_user

JOB = {"minute": "*", "hour": "*", "day": "*", "month": "*", "weekday": "*", "command": "true # shoplaunch:1"}


class Client:
    """Calls one double with one token; answers are JSON values unless said otherwise."""

    def __init__(self, whm, user="root", secret=None):
        self.whm = whm
        self._session = requests.Session()
        # Otherwise the environment decides which CA is trusted.
        self._session.trust_env = False
        self._session.verify = whm.ca_file
        self._session.headers["Authorization"] = f"whm {user}:{secret or whm.root_token}"

    def raw(self, path, /, method="POST", base=None, headers=None, **args):
        """Return the response of a request."""
        kind = "params" if method == "GET" else "data"
        url = (base or self.whm.url) + path
        return self._session.request(method, url, headers=headers, timeout=120, **{kind: args})

    def whm1(self, function, /, **args):
        """Return the answer of a WHM function."""
        return self.raw(f"/json-api/{function}", **{"api.version": "1", **args}).json()

    def reason(self, function, /, **args):
        """Return why a WHM function refused; fails when it did not."""
        answer = self.whm1(function, **args)
        assert answer["metadata"]["result"] == 0, answer
        assert not answer.get("data")
        return answer["metadata"]["reason"]

    def uapi(self, user, module, function, /, **args):
        """Return the inner answer of a UAPI function called through WHM."""
        call = {"cpanel.user": user, "cpanel.module": module, "cpanel.function": function}
        answer = self.whm1("uapi_cpanel", **call, **args)
        assert answer["metadata"]["result"] == 1, answer
        return answer["data"]["uapi"]

    def data(self, user, module, function, /, **args):
        """Return the data of a UAPI function; fails when it refused."""
        inner = self.uapi(user, module, function, **args)
        assert (inner["status"], inner["errors"]) == (1, None), inner
        return inner["data"]

    def error(self, user, module, function, /, **args):
        """Return why a UAPI function refused; fails when it did not."""
        inner = self.uapi(user, module, function, **args)
        assert (inner["status"], inner["data"]) == (0, None), inner
        return inner["errors"][0]

    def api2(self, user, module, function, /, version=None, **args):
        """Return the whole answer of an API 2 function, without `api.version` unless `version`."""
        call = {"cpanel_jsonapi_user": user, "cpanel_jsonapi_apiversion": "2"}
        call.update(cpanel_jsonapi_module=module, cpanel_jsonapi_func=function)
        if version:
            call["api.version"] = version
        return self.raw("/json-api/cpanel", **call, **args).json()

    def rows(self, user, module, function, /, **args):
        """Return the data of an API 2 function."""
        return self.api2(user, module, function, **args)["cpanelresult"]["data"]


def crontab(user):
    """Return the account's real crontab."""
    done = as_user(user, "crontab", "-l")
    return done.stdout.decode() if done.returncode == 0 else ""
