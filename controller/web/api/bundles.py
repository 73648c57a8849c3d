"""GET /api/v1/agent/bundle/<name>: send a bundle to the agent of its job, in ranges on request and rate-limited.

POST /api/v1/agent/bundle/<name>/address: name the address in the object store that is valid now.
"""

from __future__ import annotations

import math

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState
from werkzeug.http import parse_if_range_header, parse_range_header

from controller.jobs.agent_link.bundle_address import RENEWAL
from controller.jobs.agent_link.downloads import Download
from controller.jobs.agent_link.job_file import BUNDLE_PATH
from controller.web.api.throttle import OF_A_SERVER, Downloads, Pieces
from controller.web.support import problems
from controller.web.support.context import agents
from controller.web.support.parsing import bearer_token
from shared.bundle import LEAST_RATE_HEADER
from shared.errors import ShoplaunchError

_EXTENSION = "shoplaunch.downloads"
bp = Blueprint("bundles", __name__)


@bp.record_once
def _init(state: BlueprintSetupState) -> None:
    state.app.extensions[_EXTENSION] = Downloads()


@bp.get(BUNDLE_PATH + "<name>")
def send(name: str) -> Response:
    """Send the bundle or the requested range: 200, 206 or 416. Refusals are problem documents; 503 when too busy."""
    found = agents().download(bearer_token(), name)
    start, stop = _wanted(found)
    if start >= stop:
        return Response(status=416, headers={"Content-Range": f"bytes */{found.size}"})
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(stop - start), "ETag": f'"{found.sha256}"'}
    if found.rate:
        # Accounts that share the server share its rate
        headers[LEAST_RATE_HEADER] = str(max(1, found.rate // (2 * OF_A_SERVER)))
    part = (start, stop) != (0, found.size)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(status=status, headers=headers, content_type="application/octet-stream")
    body = _body(found, start, stop - start)
    return Response(body, status, headers, content_type="application/octet-stream", direct_passthrough=True)


@bp.post(f"{BUNDLE_PATH}<name>{RENEWAL}")
def name_address(name: str) -> Response:
    """Answer 200 with the bundle's address from now on: the store's, or the controller's own. Refusals as `send`."""
    answer = jsonify(url=agents().bundle_address(bearer_token(), name))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _wanted(found: Download) -> tuple[int, int]:
    """Return (start, stop) of the bytes to send; (0, 0) when the range cannot be satisfied."""
    ranges = parse_range_header(request.headers.get("Range"))
    condition = parse_if_range_header(request.headers.get("If-Range"))
    changed = "If-Range" in request.headers and condition.etag != found.sha256
    if ranges is None or ranges.units != "bytes" or len(ranges.ranges) != 1 or changed:
        return 0, found.size
    return ranges.range_for_length(found.size) or (0, 0)


def _body(found: Download, start: int, count: int) -> Pieces:
    """Return the bytes to send. Raises ShoplaunchError `downloads_busy`, `bundle_missing`."""
    downloads: Downloads = current_app.extensions[_EXTENSION]
    place = downloads.begin(found.job, found.server)
    if place is None:
        seconds = max(problems.RETRY_AFTER_SECONDS, math.ceil(downloads.wait_seconds(found.job)))
        raise ShoplaunchError("downloads_busy", "too many bundles are being fetched", retry_after_seconds=seconds)
    place.sends_by(request.environ.get("gunicorn.socket"))
    try:
        stream = found.path.open("rb")
        stream.seek(start)
    except OSError as problem:
        downloads.end(place)
        raise ShoplaunchError("bundle_missing", f"{found.path.name}: {problem.strerror}") from None
    return Pieces(downloads, place, stream, count, found)
