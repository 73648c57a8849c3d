"""How much more than what it carries an answer may take on the wire."""

#: More are in the headers of no answer.
HEADER_BYTES = 64 * 1024
#: What may come in per byte of a body: servers send it in chunks, each with a line of its own.
WIRE_FACTOR = 4
