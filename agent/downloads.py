"""Asking a server for a file from some byte on: no proxies, no redirects, which would carry the token elsewhere."""

import urllib.error
import urllib.request

from agent.http import USER_AGENT


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


def open_from(url, offset, headers, context, timeout):
    """Return the open response (urllib's) for the checked `url` from byte `offset` on, whatever its status.

    `headers` (mapping) go to this address only, `context` (SSLContext or None) verifies it, `timeout` is in seconds.
    Raises OSError, ssl and http.client errors.
    """
    request = urllib.request.Request(url)  # noqa: S310 - the scheme is checked
    request.add_header("User-Agent", USER_AGENT)
    request.add_header("Accept-Encoding", "identity")
    if offset:
        request.add_header("Range", "bytes={}-".format(offset))
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    handlers = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        return urllib.request.build_opener(*handlers).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        # An answer like any other; it is closed by whoever reads it
        return error
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from None
