"""Response headers that isolate pages: no foreign script, no frame, no cache of private pages."""

from __future__ import annotations

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The address of a status page is its key: it must not leak to the shop it links to
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
YEAR_SECONDS = 31_536_000


def init_app(app: Flask, https: bool) -> None:
    """Add the headers to every response; `https` says whether the public address uses it."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend({name: value for name, value in HEADERS.items() if name not in response.headers})
        if https:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response
