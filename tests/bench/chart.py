"""Draws the measured seconds as bars in SVG, readable on light and dark pages."""

from html import escape

WIDTH = 760
_BAR, _GAP, _GROUP = 22, 6, 34
_LEFT, _RIGHT, _TOP = 210, 120, 58
LABELS = {"A": "A  by hand, in turn", "B": "B  by hand, at once", "C": "C  agent", "C36": "C  agent, Python 3.6"}
_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #59636e; }
.A { fill: #8c959f; } .B { fill: #bf8700; } .C { fill: #1a7f37; } .C36 { fill: #4ac26b; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .back { fill: #0d1117; }
  .A { fill: #656c76; } .B { fill: #d29922; } .C { fill: #3fb950; } .C36 { fill: #238636; }
}
"""


def draw(results):
    """Return an SVG document of `results` (results.Result); each shop's bars are scaled to its longest."""
    parts, top = [], _TOP
    for result in results:
        parts.append(_text(16, top, result.shape, "title"))
        top += 12
        longest = max(result.median(way) for way in result.runs)
        for way in result.runs:
            seconds = result.median(way)
            width = (WIDTH - _LEFT - _RIGHT) * seconds / longest
            parts.append(_text(16, top + 16, LABELS[way], ""))
            parts.append(f'<rect class="{way}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="3"/>')
            parts.append(_text(_LEFT + width + 8, top + 16, f"{seconds:.2f} s", ""))
            top += _BAR + _GAP
        top += _GROUP
    head = _text(16, 26, "Seconds to a restored shop (medians); shorter is better", "quiet")
    title = "Seconds to a restored shop: by hand and by the agent"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - _GROUP + 12}" width="{WIDTH}" role="img"'
        f' aria-label="{title}"><title>{title}</title><style>{_STYLE}</style>'
        f'<rect class="back" width="100%" height="100%" rx="6"/>\n{head}\n' + "\n".join(parts) + "\n</svg>\n"
    )


_WORK, _WAIT = "C", "A"


def draw_waits(versions, waits):
    """Return an SVG document of version -> part -> seconds: work and waiting one after the other, all to one scale.

    The parts named in `waits` are waiting; what is "in all" stands next to the bar.
    """
    longest = max(parts["in all"] for parts in versions.values())
    scale, drawn, top = (WIDTH - _LEFT - _RIGHT) / longest, [], _TOP
    for name, parts in versions.items():
        drawn.append(_text(16, top + 16, name, ""))
        left = float(_LEFT)
        for part, seconds in parts.items():
            if part in ("in all", "follow-up job"):
                continue
            style, width = _WAIT if part in waits else _WORK, seconds * scale
            title = f"<title>{escape(part)}: {seconds:.2f} s</title>"
            bar = f'<rect class="{style}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}">{title}</rect>'
            drawn.append(bar)
            left += width
        drawn.append(_text(left + 8, top + 16, f"{parts['in all']:.1f} s", ""))
        top += _BAR + _GAP
    title = "Seconds from the signed order to the certificate (medians): work and waiting"
    key = (
        f'<rect class="{_WORK}" x="16" y="{top + 8}" width="12" height="12"/>' + _text(34, top + 19, "work", "quiet")
        + f'<rect class="{_WAIT}" x="90" y="{top + 8}" width="12" height="12"/>'
        + _text(108, top + 19, "waiting", "quiet")
    )  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 36}" width="{WIDTH}" role="img"'
        f' aria-label="{title}"><title>{title}</title><style>{_STYLE}</style>'
        f'<rect class="back" width="100%" height="100%" rx="6"/>\n{_text(16, 26, title, "quiet")}\n'
        + "\n".join(drawn) + f"\n{key}\n</svg>\n"
    )  # fmt: skip


def _text(x, y, text, style):
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" xml:space="preserve">{escape(text)}</text>'
