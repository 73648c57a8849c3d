"""The registry of metrics: name, help text and samples of each number that /metrics shows.

A new metric is one entry of METRICS. What it needs of the database is a field of `Health`, read in
`controller/jobs/engine/monitoring/health.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import SupportsFloat

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector

from controller import measures
from controller.db.machines import duties
from controller.db.machines.starts import Counted
from controller.db.upkeep.retention import Kept
from controller.jobs.engine.monitoring.health import Health
from controller.jobs.lifecycle.states import STATES

PREFIX = "shoplaunch_"
GAUGE, COUNTER = "gauge", "counter"
#: (labels, value): several of one metric differ in their labels.
Sample = tuple[Mapping[str, str], SupportsFloat | str]


@dataclass(frozen=True)
class Metric:
    """One metric; `samples` returns none where its number is not known."""

    name: str
    help: str
    samples: Callable[[Health], Iterable[Sample]]
    type: str = GAUGE

    def family(self, health: Health) -> MetricFamily:
        """Return the metric with its samples."""
        made = CounterMetricFamily if self.type == COUNTER else GaugeMetricFamily
        found: MetricFamily = made(PREFIX + self.name, self.help)
        for labels, value in self.samples(health):
            found.add_sample(PREFIX + self.name, dict(labels), float(value))
        return found


def _one(value: SupportsFloat | str) -> list[Sample]:
    return [({}, value)]


def _jobs(health: Health) -> list[Sample]:
    return [] if health.jobs is None else [({"state": state}, health.jobs.get(state, 0)) for state in STATES]


def _orders_without_job(health: Health) -> list[Sample]:
    return [({"reason": reason}, getattr(health, reason)) for reason in ("refused", "waiting", "forgotten")]


def _failing(health: Health) -> list[Sample]:
    if health.jobs is None:
        return []
    named = dict.fromkeys((duties.BACKUP, duties.RETENTION, *health.failing))
    return [({"duty": name}, int(name in health.failing)) for name in named]


def _by_kind(health: Health, number: Callable[[Kept], float | None]) -> list[Sample]:
    found = ((one.kind, number(one)) for one in health.kept)
    return [({"kind": kind}, value) for kind, value in found if value is not None]


def _by_start(health: Health, number: Callable[[Counted], float]) -> list[Sample]:
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
    Metric("workers", "Workers that gave a sign of life within a minute.", lambda health: _one(health.working)),
    Metric("workers_deaf", "Workers that hear nothing of their broker.", lambda health: _one(health.deaf)),
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
        "server_slots_taken",
        "How many jobs of the server are moved at this moment, over all workers.",
        lambda health: [({"server": name}, health.slots.get(name, 0)) for name in health.breakers],
    ),
    Metric(
        "server_breaker_open",
        "Whether jobs wait for a server that fails, which is called by one probe at a time.",
        lambda health: [({"server": name}, int(is_open)) for name, is_open in health.breakers.items()],
    ),
    Metric(
        "retention_removed_total",
        "Rows that retention has removed, by kind.",
        lambda health: _by_kind(health, lambda one: one.removed),
        COUNTER,
    ),
    Metric(
        "retention_oldest_timestamp_seconds",
        "When the oldest row left was written, by kind, at the last sweep.",
        lambda health: _by_kind(health, lambda one: one.oldest_at),
    ),
    Metric(
        "duty_done_timestamp_seconds",
        "When the last backup was made, and what is over was last removed, by duty.",
        lambda health: [({"duty": name}, at) for name, at in health.done_at.items()],
    ),
    Metric("duty_failing", "Whether a duty was not done when it was last due, or is late, by duty.", _failing),
]


class _Now(Collector):
    """All metrics of the installation, from one look at its health."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[MetricFamily]:
        """Yield each metric with its samples."""
        return (metric.family(self._health) for metric in METRICS)


def text(health: Health) -> str:
    """Return the installation's metrics, and what this process measured, in Prometheus' text format."""
    now = CollectorRegistry()
    now.register(_Now(health))
    return (generate_latest(now) + generate_latest(measures.REGISTRY)).decode("utf-8")
