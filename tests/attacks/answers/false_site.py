"""An account's stand-in for the web server of its machine: takes a port, keeps what it hears, answers everything.

Arguments: the uid, the address (an IPv6 one takes the port for IPv4, too), and whether connections are accepted. It
writes its port, then each request it has heard.
"""

import os
import socket
import sys

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 8\r\n\r\nWelcome!"
BACKLOG = 16
PIECE_BYTES = 65536


def main(uid, address, accepts):
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if ":" in address:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((address, 0))
    listener.listen(BACKLOG)
    print(listener.getsockname()[1], flush=True)
    while accepts == "accepts":
        connection, _ = listener.accept()
        with connection:
            heard = connection.recv(PIECE_BYTES)
            print(repr(heard), flush=True)
            if heard:
                connection.sendall(PAGE)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
