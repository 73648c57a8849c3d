"""What stands at a web server's port: an account's own program behind it answers, and the system's listens."""

import contextlib
import socket
import threading

_PIECE_BYTES = 64 * 1024


class Relay:
    """Listens at `port` of this machine as the tests' own user, and passes each connection on to the port `behind`."""

    def __init__(self, port, behind):
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Take no connection any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                visitor, _address = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:
                # Nothing listens there: for the visitor neither
                visitor.close()
                continue
            for source, target in ((visitor, server), (server, visitor)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source, target):
    """Send what comes from `source` to `target`, then its end."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
