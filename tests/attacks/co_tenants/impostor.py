"""A neighbour's stand-in for a database server: says what the test gave it, keeps every byte it hears.

Its argument is JSON: `uid` (who it is), `unix` (paths) and `tcp` (ports of 127.0.0.1) it takes, `greeting` (the
authentication plug-in it names first), `answers` (packets in hexadecimal, one after each packet of the client; then it
says OK to everything), `certificate` (key and certificate, PEM: it encrypts when asked to), `drips` (so many pieces of
an endless greeting instead). It writes a JSON line when it is ready, and one for each packet or rest of one that it has
heard.
"""

import json
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading

SALT = b"abcdefghijklmnopqrst"
#: Everything but TLS, and the newer end of results.
CAPABILITIES = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000 | 0x100000 | 0x200000
OK = b"\x00\x00\x00\x02\x00\x00\x00"
_writing = threading.Lock()


def say(**what):
    with _writing:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def greeting(plugin, encrypts):
    flags = struct.pack("<I", CAPABILITIES | (0x800 if encrypts else 0))
    low, high = flags[:2], flags[2:]
    return (
        b"\x0a8.0.36\0" + struct.pack("<I", 7) + SALT[:8] + b"\0" + low + b"\x2d\x02\x00" + high
        + bytes([len(SALT) + 1]) + bytes(10) + SALT[8:] + b"\0" + plugin.encode() + b"\0"
    )  # fmt: skip


def encrypted(connection, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context.wrap_socket(connection, server_side=True)


def exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


def packet(number, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload


def serve(connection, how):
    answers = [bytes.fromhex(one) for one in how.get("answers", ())]
    try:
        if how.get("drips"):
            # A greeting of 16 MB that never comes to its end
            connection.sendall(b"\xff\xff\xff\x00\x0a")
            for _ in range(how["drips"]):
                connection.sendall(b"8" * 65536)
            say(dripped=True)
            return
        connection.sendall(packet(0, greeting(how.get("greeting", "mysql_native_password"), "certificate" in how)))
        if "certificate" in how:
            head = exactly(connection, 4)
            say(heard=exactly(connection, int.from_bytes(head[:3], "little")).hex())
            connection = encrypted(connection, how["certificate"])
        while True:
            head = exactly(connection, 4)
            if len(head) < 4:
                say(rest=head.hex())
                return
            heard = exactly(connection, int.from_bytes(head[:3], "little"))
            say(heard=heard.hex())
            connection.sendall(packet(head[3] + 1, answers.pop(0) if answers else OK))
    except OSError as error:
        say(gone=str(error))
    finally:
        connection.close()


def accept(server, how):
    while True:
        connection, _ = server.accept()
        say(connected=True)
        threading.Thread(target=serve, args=(connection, how), daemon=True).start()


def main():
    how = json.loads(sys.argv[1])
    os.setgroups([])
    os.setresgid(how["uid"], how["uid"], how["uid"])
    os.setresuid(how["uid"], how["uid"], how["uid"])
    servers = []
    for path in how.get("unix", ()):
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        os.chmod(path, 0o777)
        servers.append(server)
    for port in how.get("tcp", ()):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        servers.append(server)
    for server in servers:
        server.listen(50)
    threads = [threading.Thread(target=accept, args=(server, how), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    say(ready=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
