"""A rewriter over a made-up template, and its templates filled with a job's values."""

from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.rewriter import Rewriter
from controller.recipes.base import Replacement
from shared.placeholders import Renderer

NONCE = "1a2b3c4d"
REPLACEMENTS = [
    Replacement(b"myshop.example", "domain", "domain"),
    Replacement(b"www.myshop.example", "domain", "domain"),
    Replacement(b"/srv/tpl/public_html", "root", "path"),
    Replacement(b"/srv/tpl", "home", "path"),
    Replacement(b"owner@myshop.example", "shop.email", "email"),
]
VALUES = {
    "domain": "a-much-longer-name.shop.test:8080",
    "root": "/home/alice/public_html",
    "home": "/home/alice",
    "shop.email": "o'neil+shop@new.test",
    "base_uri": "/",
}


class Shop:
    """Rewrites and fills; `report` says what happened."""

    def __init__(self, replacements=REPLACEMENTS, values=VALUES, **options):
        self.replacements = replacements
        self.fragments = Fragments(NONCE)
        self.report = Report()
        self.rewriter = Rewriter(NONCE, replacements, self.fragments, self.report, **options)
        self.values = values

    def template(self, data):
        """Return a value as a template."""
        return self.rewriter.rewrite_text(data, "here")

    def fill(self, template):
        """Return a template filled as the agent would."""
        return Renderer(NONCE, self.values, self.fragments.templates()).render(template)

    def moved(self, data):
        """Return what a value becomes in the new shop."""
        return self.fill(self.template(data))

    @property
    def reasons(self):
        """Why something was left, in order."""
        return [one.reason for one in self.report.left]


def string(data):
    """Return bytes serialized as PHP does."""
    return b's:%d:"%s";' % (len(data), data)


def serialize(value):
    """Return Python data serialized as PHP would (bytes, int, bool, None, float, dict)."""
    if value is None:
        return b"N;"
    if isinstance(value, bool):
        return b"b:%d;" % value
    if isinstance(value, int):
        return b"i:%d;" % value
    if isinstance(value, float):
        return b"d:%s;" % repr(value).encode()
    if isinstance(value, bytes):
        return string(value)
    return b"a:%d:{" % len(value) + b"".join(serialize(k) + serialize(v) for k, v in value.items()) + b"}"
