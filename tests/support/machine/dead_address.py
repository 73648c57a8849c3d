"""An address where nobody answers and nothing is refused: a connection to it waits for as long as it may."""

import contextlib
import socket


@contextlib.contextmanager
def dead_address():
    """Yield (host, port)."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        # A caller that comes when the queue is full is not answered
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()
