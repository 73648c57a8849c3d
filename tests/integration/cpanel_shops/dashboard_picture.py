"""A picture of packaging/monitoring/dashboard.json without Grafana: each panel with what Prometheus answers.

SHOPLAUNCH_NIGHTLY=1 SHOPLAUNCH_PICTURE=packaging/monitoring/dashboard.png pytest \
    tests/integration/cpanel_shops/test_monitoring_rules.py -k picture
"""

import base64
import re
from html import escape

from tests.browser.chromium.chrome import chrome

WIDTH, ROW = 1440, 34
COLUMNS = 24
_GAP, _HEAD, _KEY = 6, 26, 18
_COLOURS = (
    "#73bf69",
    "#f2cc0c",
    "#5794f2",
    "#ff9830",
    "#f2495c",
    "#b877d9",
    "#8ab8ff",
    "#c0d8ff",
    "#96d98d",
    "#ffa6b0",
)
_STYLE = """
body { margin: 0; background: #111217; font: 12px system-ui, sans-serif; color: #ccccdc; }
.panel { position: absolute; background: #181b1f; border: 1px solid #2c3235; border-radius: 2px; overflow: hidden; }
.title { padding: 5px 8px; font-weight: 600; height: 16px; white-space: nowrap; }
.value { font-size: 40px; text-align: center; padding-top: 18px; color: #73bf69; }
.bad { color: #f2495c; }
.key { padding: 0 8px; white-space: nowrap; color: #9a9aab; }
.key b { margin-right: 10px; font-weight: 400; }
.key i { display: inline-block; width: 14px; height: 3px; margin: 0 4px 3px 0; }
svg { display: block; } line { stroke: #26282d; } text { fill: #8e8e9c; font-size: 10px; }
polyline { fill: none; stroke-width: 1.5; }
"""


def take(panels, prometheus, began, ended):
    """Return the picture (PNG) of the panels, from `began` to `ended` (unix seconds)."""
    unit = WIDTH / COLUMNS
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    drawn = "".join(_panel(panel, prometheus, (began, ended), unit) for panel in panels)
    page = f"<!doctype html><meta charset=utf-8><title>Dashboard</title><style>{_STYLE}</style>{drawn}"
    with chrome(WIDTH, bottom * ROW) as driver:
        driver.get("data:text/html;base64," + base64.b64encode(page.encode()).decode())
        return driver.get_screenshot_as_png()


def _panel(panel, prometheus, span, unit):
    place = panel["gridPos"]
    width, height = place["w"] * unit - _GAP, place["h"] * ROW - _GAP
    box = f"left:{place['x'] * unit:.0f}px;top:{place['y'] * ROW}px;width:{width:.0f}px;height:{height}px"
    inside = _stat(panel, prometheus) if panel["type"] == "stat" else _lines(panel, prometheus, span, width, height)
    return f'<div class=panel style="{box}"><div class=title>{escape(panel["title"])}</div>{inside}</div>'


def _stat(panel, prometheus):
    (value,) = prometheus.ask(panel["targets"][0]["expr"])
    ready = panel["title"] == "Ready"
    words = ("yes" if value else "no") if ready else _said(value, _unit(panel))
    bad = bool(value) != ready
    return f'<div class="value{" bad" if bad else ""}">{words}</div>'


def _lines(panel, prometheus, span, width, height):
    found = []
    for target in panel["targets"]:
        for labels, points in prometheus.ask_range(target["expr"], *span):
            name = re.sub(r"{{(\w+)}}", lambda one: labels.get(one[1], ""), target.get("legendFormat", ""))
            found.append((name, points))
    most = max((value for _, points in found for _, value in points if value == value), default=0.0) or 1.0
    tall = height - _HEAD - _KEY - 8
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = 6 + (tall - 12) * (1 - share)
        parts.append(f"<line x1=44 x2={width:.0f} y1={y:.0f} y2={y:.0f} /><text x=4 y={y + 3:.0f}>")
        parts.append(f"{_said(most * share, _unit(panel))}</text>")
    for number, (_, points) in enumerate(found):
        known = [(moment, value) for moment, value in points if value == value]
        wide = (width - 52) / (span[1] - span[0])
        at = " ".join(f"{44 + wide * (x - span[0]):.1f},{6 + (tall - 12) * (1 - y / most):.1f}" for x, y in known)
        parts.append(f'<polyline points="{at}" stroke="{_COLOURS[number % len(_COLOURS)]}" />')
    key = "".join(
        f'<b><i style="background:{_COLOURS[number % len(_COLOURS)]}"></i>{escape(name)}</b>'
        for number, (name, _) in enumerate(found)
    )
    return f"<svg width={width:.0f} height={tall:.0f}>{''.join(parts)}</svg><div class=key>{key}</div>"


def _unit(panel):
    return panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")


def _said(value, unit):
    number = f"{value:.3g}"
    return {"s": f"{number} s", "ops": f"{number}/s"}.get(unit, number)
