"""A WHMCS with our addon, and a machine of its own, whose controller it reaches while that is up."""

import contextlib
import socketserver
import subprocess
import threading

from tests.fakes.whmcs_php.harness import Whmcs

PRODUCT = 3
#: Passes a connection on to the controller; what comes first to an end ends it.
_PASSES_ON = """
import os, socket, sys, threading
there = socket.create_connection(("127.0.0.1", 8000))
def to_controller():
    while data := os.read(0, 65536):
        there.sendall(data)
threading.Thread(target=to_controller, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
os._exit(0)
"""


class BesideWhmcs:
    """`addon` is the WHMCS (tests.fakes.whmcs_php.harness.Whmcs); its servers' module makes accounts of the machine."""

    def __init__(self, machine, mariadb, key, bundle):
        self._machine = machine
        self._stack = contextlib.ExitStack()
        with self._stack:
            self.addon = Whmcs(mariadb)
            self._stack.callback(self.addon.close)
            url = self._stack.enter_context(wire(machine))
            self.addon.activate(
                controller_url=url, api_key=key["name"], api_secret=key["secret"], products=f"{PRODUCT}={bundle}"
            )
            self._server = self.addon.insert("tblservers", name="web1", hostname="web1", username="root", accesshash="")
            self._stack = self._stack.pop_all()

    def close(self):
        """Remove the WHMCS."""
        self._stack.close()

    def sell(self, name):
        """A client orders, an administrator accepts; return the service."""
        order, service = self.addon.order(
            product=PRODUCT, server=self._server, username=name, domain=f"{name}.example.com"
        )
        self._machine.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        self.addon.create(service)
        self.addon.accept(order)
        return service

    def waiting(self):
        """Return the events that the controller has not taken."""
        return [row for row in self.addon.queue() if row["state"] == "waiting"]


@contextlib.contextmanager
def wire(machine):
    """Yield an address of this machine at which the controller of `machine` answers while it is there."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            process = subprocess.Popen(
                machine.words("python3", "-c", _PASSES_ON), stdin=self.request, stdout=self.request,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            process.wait()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
