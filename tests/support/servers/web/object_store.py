"""A private S3-compatible server that judges every signature and how old it is (nanio), in a folder of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import requests

from controller.panels.local.private_stack.stack import free_port

#: packaging/bootstrap.sh puts it there.
MODULES = Path(sys.prefix, "object_store")
START_SECONDS = 60
ACCESS_KEY, SECRET_KEY, BUCKET = "SHOPLAUNCHTEST", "s3cret/of+the=store", "shops"


class ObjectStoreServer:
    """A running server with one empty bucket; `settings` are those of [bundle_store] for it."""

    def __init__(self, folder):
        self.folder, self.port = Path(folder), free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "endpoint": self.endpoint, "bucket": BUCKET, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY,
        }  # fmt: skip
        (self.folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
        self._process = None

    @property
    def variables(self):
        """Return the settings as variables of a controller."""
        return {f"SHOPLAUNCH_BUNDLE_STORE__{name.upper()}": value for name, value in self.settings.items()}

    @property
    def objects(self):
        """Return the names of what it stores."""
        return sorted(path.name for path in (self.folder / "data" / BUCKET).iterdir() if not path.name.startswith("."))

    def log(self):
        """Return what it wrote."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self):
        """Start the server; return it once it answers."""
        own = {"PYTHONPATH": str(MODULES), "NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY}
        command = [sys.executable, "-m", "nanio", "serve", "--data-dir", str(self.folder / "data")]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **own}, stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                requests.get(self.endpoint, timeout=5)
                return self
            except requests.RequestException:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError(self.log()) from None
                time.sleep(0.05)

    def stop(self):
        """End the server; what it stores stays in its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
