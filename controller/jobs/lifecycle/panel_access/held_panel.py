"""A panel as a step gets it: each of its calls is made only while the step's job is still held."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from controller.jobs.lifecycle.lease import Lease
from controller.panels.base import Panel


class _HeldPanel:
    """Passes on what is asked of `panel`."""

    def __init__(self, panel: Panel, lease: Lease) -> None:
        self._panel = panel
        self._lease = lease

    def __getattr__(self, name: str) -> object:
        found = getattr(self._panel, name)
        return self._checked(found) if callable(found) else found

    def _checked(self, call: Callable[..., object]) -> Callable[..., object]:
        def checked(*given: object, **more: object) -> object:
            self._lease.require_current()
            return call(*given, **more)

        return checked


def held(panel: Panel, lease: Lease) -> Panel:
    """Return the panel for the holder of `lease`: its calls raise controller.jobs.lifecycle.lease.Lost once another
    worker is known to have the job, or has got it while this process stood still."""
    return cast(Panel, _HeldPanel(panel, lease))
