"""The broker by which the workers of a measurement hint; it is restarted meanwhile."""

import threading

from tests.support.servers.brokers import rabbitmq, redis

KINDS = {"redis": redis, "rabbitmq": rabbitmq}


class Broker:
    """A broker of the measurement's own, gone with `stack`. A Redis that is restarted has lost everything in it."""

    def __init__(self, kind, stack):
        self._server = KINDS[kind].start_private()
        stack.callback(KINDS[kind].stop_private, self._server)
        secret = self._server.directory / "url"
        secret.touch(0o600)
        secret.write_text(self._server.url())
        #: What the environment of its workers says of it.
        self.settings = {"SHOPLAUNCH_ENGINE": "celery", "SHOPLAUNCH_BROKER_URL_FILE": str(secret)}
        self.restarts = 0
        self._over = threading.Event()
        stack.callback(self._over.set)

    def restart_every(self, seconds):
        """From now on it is restarted, until the measurement calls what this returns."""
        self.restarts = 0
        self._over.clear()
        restarting = threading.Thread(target=self._restart, args=(seconds,), daemon=True)
        restarting.start()

        def end():
            self._over.set()
            restarting.join()

        return end

    def _restart(self, seconds):
        while not self._over.wait(seconds):
            self._server.stop()
            self._server.start()
            self.restarts += 1
