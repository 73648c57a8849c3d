"""Servers that answer without measure: each habit is one way to keep a caller waiting, or to fill its memory."""

import gzip
import itertools
import re
import socket
import threading

#: What a caller that reads on and on would have been sent by then.
ENOUGH = 512 * 1024 * 1024
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PIECE = b"x" * 65536


def drips(send, wait):
    """One byte at a time, from the first one on."""
    for position in itertools.count():
        send((_HEAD + b"Content-Length: 1000000\r\n\r\n" + b" " * 1000000)[position : position + 1])
        wait(0.2)


def drips_the_body(send, wait):
    """Headers at once, then one byte at a time."""
    send(_HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        send(b" ")
        wait(0.2)


def drips_chunks(send, wait):
    """One small chunk after another, never the last one."""
    send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"1\r\n \r\n")
        wait(0.2)


def is_silent(send, wait):
    """Nothing at all."""
    while True:
        wait(1)


def endless_headers(send, wait):
    """One header after another."""
    send(_HEAD)
    while True:
        send(b"X-More: " + b"x" * 8000 + b"\r\n")


def endless_header(send, wait):
    """One header without an end."""
    send(_HEAD + b"X-More: ")
    while True:
        send(_PIECE)


def endless_continue(send, wait):
    """Again and again that the answer is about to come."""
    while True:
        send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_chunks(send, wait):
    """A body in chunks without an end."""
    send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"10000\r\n" + _PIECE + b"\r\n")


def endless_chunk_lines(send, wait):
    """Chunks of one byte with as much about each as a line may hold."""
    send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"1;" + b"x" * 60000 + b"\r\n \r\n")


def endless_trailers(send, wait):
    """A body that ends, and headers behind it that do not."""
    send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    while True:
        send(b"X-More: " + b"x" * 8000 + b"\r\n")


def endless_body(send, wait):
    """A body until the connection closes, which it never does."""
    send(_HEAD + b"\r\n")
    while True:
        send(_PIECE)


def announces_terabytes(send, wait):
    """A length no memory holds, and the bytes for it."""
    send(_HEAD + b"Content-Length: 10000000000000\r\n\r\n")
    while True:
        send(_PIECE)


def more_than_announced(send, wait):
    """Two bytes as announced, and then ever more."""
    send(_HEAD + b"Content-Length: 2\r\n\r\n{}")
    while True:
        send(_PIECE)


def bomb(send, wait):
    """Half a megabyte of gzip that unpacks to half a gigabyte."""
    member = gzip.compress(bytes(16 * 1024 * 1024))
    packed = member * 32
    head = _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    send(head + packed)


def lists_in_lists(send, wait):
    """A document of a megabyte that takes thirty times as much once it is read, or too deep a stack."""
    body = b"[" * 500_000 + b"]" * 500_000
    send(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def empty_lists(send, wait):
    """A million lists of nothing."""
    body = b"[" + b"[]," * 1_000_000 + b"1]"
    send(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def infinite_numbers(send, wait):
    """Numbers no program can count with."""
    body = b'{"metadata":{"result":1e999},"status":1e999,"result":"success","data":[{"size":1e999}]}'
    send(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def redirects_for_ever(send, wait):
    """Back to where the caller comes from, again and again."""
    send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")


#: Habits that end at the deadline alone.
SLOW = (is_silent, drips, drips_the_body, drips_chunks)
#: Habits that end at a limit in bytes, or by themselves.
LARGE = (
    endless_headers, endless_header, endless_continue, endless_chunks, endless_chunk_lines, endless_trailers,
    endless_body, announces_terabytes, more_than_announced, bomb, lists_in_lists, empty_lists, infinite_numbers,
    redirects_for_ever,
)  # fmt: skip


class HostileServer:
    """Answers every request by `habit`, over TLS with `context`. `asked` are the requests' heads, `sent` counts what
    its callers took; `trouble` is set when one took more than ENOUGH."""

    def __init__(self, habit, context=None, says_hello=False):
        self.asked, self.sent, self.is_over = [], 0, threading.Event()
        self.took_enough = False
        self._habit, self._context, self._says_hello = habit, context, says_hello
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def _listen(self):
        while True:
            try:
                found, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(found,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, found):
        # Callers go as soon as they have had enough
        try:
            with found:
                found.settimeout(5)
                if self._context is not None:
                    found = self._context.wrap_socket(found, server_side=True)
                if not self._says_hello:
                    self._hear(found)
                self._habit(lambda data: self._send(found, data), self._wait)
        except OSError:
            return

    def _hear(self, found):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = found.recv(65536)
            if not piece:
                raise OSError("gone")
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        self.asked.append(head)
        # Left unread, it would end the connection before its answer has arrived
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        left = int(length.group(1)) - len(body) if length else 0
        while left > 0 and (piece := found.recv(65536)):
            left -= len(piece)

    def _send(self, found, data):
        if self.is_over.is_set():
            raise OSError("over")
        found.sendall(data)
        self.sent += len(data)
        if self.sent > ENOUGH:
            self.took_enough = True
            raise OSError("enough")

    def _wait(self, seconds):
        if self.is_over.wait(seconds):
            raise OSError("over")

    def close(self):
        """No connection is left, and nobody waits."""
        self.is_over.set()
        # Closing alone does not wake who waits for a caller
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.close()
