"""What views may use of the application: the jobs service and the log of signed requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app, g

from controller.access.actor import Actor
from controller.db.request_log import RequestLog
from controller.jobs.intake.service import Service

_EXTENSION = "shoplaunch"


@dataclass(frozen=True)
class _Context:
    service: Service
    request_log: RequestLog


def init_app(app: Flask, service: Service) -> None:
    """Let views of `app` use `service`."""
    app.extensions[_EXTENSION] = _Context(service, RequestLog(service.engine, service.now))


def service() -> Service:
    """Return the application's jobs service."""
    return _context().service


def actor() -> Actor:
    """Return who changes operators and keys by this request: the operator who is signed in."""
    known = service()
    return Actor(g.operator, known.engine, lambda: known.keys)


def request_log() -> RequestLog:
    """Return the application's log of signed requests."""
    return _context().request_log


def _context() -> _Context:
    return cast(_Context, current_app.extensions[_EXTENSION])
