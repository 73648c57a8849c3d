"""Traces of jobs, from the order to the mail: one of each job, whichever processes work on it.

What traces costs nothing while they are off: OpenTelemetry is not even loaded. A span says which job, step or stage it
is about, and how it ended; never who the client is, what an address was, or what an error said.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from controller.telemetry.job_at_hand import JobAtHand, job_at_hand
from shared.errors import ShoplaunchError

Value = str | int | float
Note = Callable[..., None]
_OTLP = "controller.telemetry.otlp"


class Exporter(Protocol):
    """What takes spans; see controller.telemetry.otlp."""

    def span(self, name: str, about: JobAtHand, attributes: dict[str, Value]) -> AbstractContextManager[Note]:
        """Trace the `with` block; what it is bound to notes more attributes."""

    def ended(self, name: str, about: JobAtHand, seconds: float, attributes: dict[str, Value]) -> None:
        """Trace what another has measured, and has ended now."""

    def ordered(self, about: JobAtHand, began_ns: int) -> None:
        """Begin the job's trace: its order was taken since `began_ns`."""

    def end(self) -> None:
        """Send what waits, for some seconds at most, and take no more."""


_exporter: Exporter | None = None


def begin(address: str) -> None:
    """Send traces to the collector at `address` from now on; nowhere where that is "". After a fork, not before.

    Raises ShoplaunchError `config_invalid` where OpenTelemetry is not installed.
    """
    global _exporter
    if not address:
        _exporter = None
        return
    try:
        otlp = importlib.import_module(_OTLP)
    except ImportError:
        message = "traces_url needs OpenTelemetry: install requirements-traces.lock as well"
        raise ShoplaunchError("config_invalid", message) from None
    _exporter = otlp.OtlpExporter(address)


def end() -> None:
    """Send what waits, for some seconds at most, and send nothing more."""
    global _exporter
    if _exporter is not None:
        _exporter.end()
    _exporter = None


@contextmanager
def of_command(address: str) -> Iterator[None]:
    """As `begin`, for the `with` block: a command has sent what it traced when it ends."""
    begin(address)
    try:
        yield
    finally:
        end()


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[Note]:
    """Trace the `with` block as part of the job at hand; what it is bound to notes more attributes."""
    about = job_at_hand()
    if _exporter is None or about is None:
        yield _nothing
        return
    with _exporter.span(name, about, attributes) as note:
        yield note


def ended(name: str, seconds: float, **attributes: Value) -> None:
    """Trace, as part of the job at hand, what took so many seconds and has ended now."""
    about = job_at_hand()
    if _exporter is not None and about is not None:
        _exporter.ended(name, about, seconds, attributes)


def ordered(job: str, server: str, began_ns: int) -> None:
    """Begin the trace of a job whose order was taken since `began_ns` (unix nanoseconds)."""
    if _exporter is not None:
        _exporter.ordered(JobAtHand(job, server, 0), began_ns)


def _nothing(**_attributes: Value) -> None:
    """Note nothing."""
