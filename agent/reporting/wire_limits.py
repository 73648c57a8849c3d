"""Limits for the size of an answer on the wire, in relation to its content."""

#: Limit for the headers of an answer.
HEADER_BYTES = 64 * 1024
#: Received bytes allowed per byte of a body: servers send it in chunks, each with a line of its own.
WIRE_FACTOR = 4
