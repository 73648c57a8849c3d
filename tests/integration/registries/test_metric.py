"""A metric is one entry: /metrics shows it with its help text."""

from controller import measures
from controller.web.api import metrics
from controller.web.api.metrics import Metric


def test_a_metric_of_one_entry_is_shown_with_its_help_text(house, monkeypatch):
    dummy = Metric("dummies", "Jobs that wait, by why.", lambda health: [({"why": "no panel"}, len(health.jobs or ()))])
    monkeypatch.setattr(metrics, "METRICS", [*metrics.METRICS, dummy])
    house.order()
    shown = house.page("/metrics")
    assert "# HELP shoplaunch_dummies Jobs that wait, by why.\n# TYPE shoplaunch_dummies gauge\n" in shown
    assert '\nshoplaunch_dummies{why="no panel"} 1.0\n' in shown
    assert shown.count("# HELP ") == len(metrics.METRICS) + len(list(measures.REGISTRY.collect()))
