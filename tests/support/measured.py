"""What a call comes to and how much memory it takes, however long it would go on."""

import threading
import tracemalloc

from controller.billing.whmcs.api import WhmcsError
from shared.errors import ShoplaunchError

#: Only stops a test that would hang.
PATIENCE = 300


def ended(call):
    """Return what `call` came to, and the most memory it took; fail when it does not end."""
    came = []

    def run():
        try:
            came.append(call())
        except (ShoplaunchError, WhmcsError) as error:
            came.append(error)
        except BaseException as problem:
            came.append(problem)
            raise

    tracemalloc.start()
    try:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it goes on and on"
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    [result] = came
    assert isinstance(result, ShoplaunchError | WhmcsError) or not isinstance(result, BaseException), repr(result)
    return result, memory
