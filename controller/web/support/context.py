"""What views may use of the application: the doors of the service, its clock and settings."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app, g

from controller.access.actor import Actor
from controller.access.door import Access
from controller.jobs.intake.doors.agents import Agents
from controller.jobs.intake.doors.clients import Clients
from controller.jobs.intake.doors.jobs import Jobs
from controller.jobs.intake.doors.monitoring import Monitoring
from controller.jobs.intake.doors.orders import Orders
from controller.jobs.intake.service import Service
from controller.settings.sections import Config

_EXTENSION = "shoplaunch"


def init_app(app: Flask, service: Service) -> None:
    """Let views of `app` use the doors of `service`."""
    app.extensions[_EXTENSION] = service


def orders() -> Orders:
    """Return the door for orders and billing events."""
    return _service().orders


def jobs() -> Jobs:
    """Return the door for jobs."""
    return _service().jobs


def clients() -> Clients:
    """Return the door for clients with a link."""
    return _service().clients


def agents() -> Agents:
    """Return the door for agents."""
    return _service().agents


def monitoring() -> Monitoring:
    """Return the door for health and everything that needs an operator."""
    return _service().monitoring


def access() -> Access:
    """Return the door for operators, keys, sessions and the audit log."""
    return _service().access


def actor() -> Actor:
    """Return the actor for changes of operators and keys: the signed-in operator."""
    return access().actor(g.operator)


def now() -> float:
    """Return the installation's time, in unix seconds."""
    return _service().now()


def config() -> Config:
    """Return the installation's settings."""
    return _service().config


def _service() -> Service:
    return cast(Service, current_app.extensions[_EXTENSION])
