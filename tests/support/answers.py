"""What small HTTP servers of tests answer with."""


def send_answer(handler, status, headers, body):
    """Send the whole answer, its length included, through the `handler` of a request (http.server)."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
