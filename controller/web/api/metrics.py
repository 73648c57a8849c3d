"""The registry of metrics: name, help text and samples of each number that /metrics shows.

A new metric is one entry of METRICS. What it needs of the database is a field of `Health`, read in
`controller/jobs/engine/monitoring/health.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from controller.db.machines.starts import Counted
from controller.jobs.engine.monitoring.health import Health
from controller.jobs.lifecycle.states import STATES

PREFIX = "shoplaunch_"
GAUGE, COUNTER = "gauge", "counter"
#: (labels, value): several of one metric differ in their labels.
Sample = tuple[Mapping[str, str], object]


@dataclass(frozen=True)
class Metric:
    """One metric; `samples` returns none where its number is not known."""

    name: str
    help: str
    samples: Callable[[Health], Iterable[Sample]]
    type: str = GAUGE

    def lines(self, health: Health) -> list[str]:
        """Return the metric in Prometheus' text format."""
        name = PREFIX + self.name
        samples = [f"{name}{_labelled(labels)} {value}" for labels, value in self.samples(health)]
        return [f"# HELP {name} {self.help}", f"# TYPE {name} {self.type}", *samples]


def _labelled(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _one(value: object) -> list[Sample]:
    return [({}, value)]


def _jobs(health: Health) -> list[Sample]:
    return [] if health.jobs is None else [({"state": state}, health.jobs.get(state, 0)) for state in STATES]


def _orders_without_job(health: Health) -> list[Sample]:
    return [({"reason": reason}, getattr(health, reason)) for reason in ("refused", "waiting", "forgotten")]


def _by_start(health: Health, number: Callable[[Counted], object]) -> list[Sample]:
    return [({"way": one.way, "reason": one.reason}, number(one)) for one in health.starts]


METRICS: list[Metric] = [
    Metric("jobs", "Jobs by state.", _jobs),
    Metric("ready", "Whether orders are taken and worked on.", lambda health: _one(int(health.error is None))),
    Metric(
        "loop_age_seconds",
        "Seconds since a worker's loop last moved; +Inf without a worker.",
        lambda health: _one("+Inf" if health.loop_age is None else round(health.loop_age, 1)),
    ),
    Metric(
        "chores_age_seconds",
        "Seconds since the chores last made progress, where a worker reports it.",
        lambda health: [] if health.chores_age is None else _one(round(health.chores_age, 1)),
    ),
    Metric(
        "oldest_overdue_seconds",
        "Seconds since the longest overdue job became due.",
        lambda health: _one(round(health.oldest_overdue, 1)),
    ),
    Metric("orders_without_job", "Orders without a job, by reason.", _orders_without_job),
    Metric("alarms_undelivered", "Alarms that were not delivered.", lambda health: _one(health.alarms)),
    Metric(
        "agent_starts_total",
        "Agents of finished jobs, by way of their start and reason.",
        lambda health: _by_start(health, lambda one: one.number),
        COUNTER,
    ),
    Metric(
        "agent_start_wait_seconds_total",
        "Seconds from cron line to first report, added up.",
        lambda health: _by_start(health, lambda one: round(one.waited, 3)),
        COUNTER,
    ),
    Metric(
        "server_breaker_open",
        "Whether jobs wait for a server that fails, which is called by one probe at a time.",
        lambda health: [({"server": name}, int(is_open)) for name, is_open in health.breakers.items()],
    ),
]


def text(health: Health) -> str:
    """Return all metrics in Prometheus' text format."""
    return "\n".join(line for metric in METRICS for line in metric.lines(health)) + "\n"
