"""The registry of engines: `kind` of section [engine] -> how its hints and its workers are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from controller.jobs.engine.engine_context import EngineContext
from controller.jobs.engine.port import Engine, Hints
from controller.jobs.engine.worker import Worker
from controller.jobs.engine.worker_options import WorkerOptions
from controller.jobs.lifecycle.wakeup import Wakeup
from controller.settings.sections import Config
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Kind:
    """A kind of engine. Processes without a worker make only its hints."""

    name: str
    hints: Callable[[Config], Hints]
    engine: Callable[[EngineContext], Engine]


def _embedded(context: EngineContext) -> Engine:
    options = WorkerOptions(Wakeup(context.config.wakeups), context.own, context.is_left)
    return Worker(context.database, context.tools_for, context.clock, context.chores, context.end, options)


def _celery(context: EngineContext) -> Engine:
    made: Engine = _with_celery().CeleryEngine(context)
    return made


def _celery_hints(config: Config) -> Hints:
    made: Hints = _with_celery().hints(config)
    return made


def _with_celery() -> ModuleType:
    """Return the module of the engine that needs an extra package. Raises config_invalid without it."""
    try:
        # Imported here: its package is installed only where it is used
        from controller.jobs.engine.broker import engine
    except ModuleNotFoundError as missing:
        message = f'[engine] kind "celery": the package {missing.name} is not installed (packaging/bootstrap.sh celery)'
        raise ShoplaunchError("config_invalid", message) from None
    return engine


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("embedded", lambda config: Wakeup(config.wakeups), _embedded),
        Kind("celery", _celery_hints, _celery),
    )
}


def of(config: Config) -> Kind:
    """Return the kind of engine that is set up. Raises config_invalid for one that does not exist."""
    kind = KINDS.get(config.engine.kind)
    if kind is None:
        known = ", ".join(f'"{name}"' for name in KINDS)
        raise ShoplaunchError("config_invalid", f"[engine] kind must be one of {known}")
    return kind
