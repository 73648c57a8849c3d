"""axe-core in a page: what keeps people from reading or using it, on every width and in both colour schemes."""

import sys
from pathlib import Path

#: packaging/bootstrap.sh puts it there.
SCRIPT = Path(sys.prefix, "axe", "axe_playwright_python", "axe.min.js")
#: Desktop and telephone.
WIDTHS = (1280, 390)
HEIGHT = 900
SCHEMES = ("light", "dark")
#: All that axe-core looks for by itself, best practices too; and how near to each other things are that one presses.
_RUN = """
const [colours, within, done] = arguments;
const options = colours
  ? { runOnly: { type: "rule", values: ["color-contrast"] } }
  : { rules: { "target-size": { enabled: true } } };
axe.run(within, { ...options, resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html, failureSummary }) => [id, help, target.join(" "), html.slice(0, 200), failureSummary]))),
  (error) => done([["axe", String(error), "", "", ""]]),
);
"""
_WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


def barriers(driver, within="html"):
    """Return what is wrong with the driver's page, or its part `within`, as texts; its window is that of a desktop
    afterwards."""
    if driver.execute_script("return typeof axe") == "undefined":
        driver.execute_script(SCRIPT.read_text(encoding="utf-8"))
    found = []
    for width in reversed(WIDTHS):
        show(driver, width, SCHEMES[0])
        found += [f"{width}: {said}" for said in _violations(driver, within, False)]
        if driver.execute_script(_WIDER) > 0:
            found.append(f"{width}: the page is wider than the window")
        show(driver, width, SCHEMES[1])
        found += [f"{width}, dark: {said}" for said in _violations(driver, within, True)]
    show(driver, WIDTHS[0], SCHEMES[0])
    return found


def show(driver, width, scheme):
    """Show the page `width` pixels wide, to somebody who likes it `scheme` and nothing that moves."""
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        # What fades in and out has no contrast of its own
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _violations(driver, within, colours):
    return [" | ".join(node) for node in driver.execute_async_script(_RUN, colours, within)]
