"""A stand-in for the database door in tests of the agent's core."""

import json
import os

from shared.errors import ShoplaunchError


class Connection:
    def close(self):
        pass


def connect(values):
    with open(os.path.join(values["home"], "plan.json")) as stream:
        error = json.load(stream).get("database")
    if error:
        raise ShoplaunchError(error, "as planned")
    connection = Connection()
    connection.trace = os.path.join(values["home"], "trace")
    return connection
