"""Every PHP compiled to WebAssembly at hand serves pages, reaches the database and leaves files one can read."""

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.php_wasm import fpm
from tests.support.servers.php_versions import WASM, wasm_at_hand

BEGIN, PARAMS, STDIN, STDOUT = 1, 4, 5, 6
SECONDS = 120
PAGE = """<?php
class Query {
    function __construct($database) { $this->database = $database; }
    function __toString() { return $this->database->query('SELECT 40 + 2')->fetchColumn(); }
}
$database = new PDO('mysql:host=localhost', 'root', '');
$improved = new mysqli('localhost', 'root', '');
file_put_contents('written.txt', 'x');
chmod('written.txt', 0666 & ~umask());
libxml_clear_errors();
header('X-Series: ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION);
echo $_SERVER['REQUEST_URI'], ' ', new Query($database), ' ', $improved->query('SELECT 7')->fetch_row()[0], ' ';
// Takes a stack as deep as the text is long
echo preg_match('/^(?:a|b)*$/', str_repeat('ab', 400));
"""


@pytest.fixture(params=sorted(wasm_at_hand()) or [None])
def series(request):
    if request.param is None:
        pytest.skip(f"{WASM} names no PHP compiled to WebAssembly")
    return request.param


@pytest.fixture
def served(series, mariadb_server):
    """Return (folder, socket) of a worker of that series; it serves the files in the folder."""
    with tempfile.TemporaryDirectory(prefix="slw") as made, socket.socket(socket.AF_UNIX) as door:
        path = f"{made}/php.sock"
        door.bind(path)
        door.listen()
        folder = wasm_at_hand()[series]
        ini = {"mysqli.default_socket": mariadb_server.socket, "pdo_mysql.default_socket": mariadb_server.socket}
        worker = subprocess.Popen(
            [*fpm.node(folder), folder, series, "serve"], stdin=door, env={**os.environ, "PHP_INI": json.dumps(ini)}
        )
        yield Path(made), path
        worker.terminate()
        worker.wait(SECONDS)


def _record(kind, content):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def _ask(path, params):
    """Return what PHP says to a GET with these params: headers and body."""
    pairs = b"".join(
        struct.pack("!BB", len(name), len(value)) + (name + value).encode() for name, value in params.items()
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(path)
        begin = _record(BEGIN, struct.pack("!HB5x", 1, 0))
        client.sendall(begin + _record(PARAMS, pairs) + _record(PARAMS, b"") + _record(STDIN, b""))
        stream = client.makefile("rb")
        said = b""
        while head := stream.read(8):
            _, kind, _, length, padding = struct.unpack("!BBHHBx", head)
            content = stream.read(length + padding)[:length]
            said += content if kind == STDOUT else b""
    return said.decode().split("\r\n\r\n", 1)


def test_a_page_reaches_the_database_from_anywhere_and_writes_files_its_account_can_read(served, series):
    folder, path = served
    (folder / "page.php").write_text(PAGE)
    params = {"SCRIPT_FILENAME": f"{folder}/page.php", "REQUEST_METHOD": "GET", "REQUEST_URI": "/page.php?a=1"}
    for _ in range(2):
        headers, body = _ask(path, params)
        assert body == "/page.php?a=1 42 7 1"
        assert f"x-series: {series}" in headers.lower()
        assert (folder / "written.txt").stat().st_mode & 0o777 == 0o644


MAKES = "<?php @mkdir('cache/a/b', 0755, true); echo file_put_contents('cache/a/b/c', 'x') ? 'written' : 'lost';"


def test_a_folder_another_process_has_removed_is_made_again(served):
    folder, path = served
    (folder / "page.php").write_text(MAKES)
    params = {"SCRIPT_FILENAME": f"{folder}/page.php", "REQUEST_METHOD": "GET", "REQUEST_URI": "/page.php"}
    for _ in range(2):
        assert _ask(path, params)[1] == "written"
        shutil.rmtree(folder / "cache")


ASKS = """<?php
$asked = curl_init('https://nobody.invalid/token');
curl_setopt_array($asked, [CURLOPT_RETURNTRANSFER => 1, CURLOPT_POST => 1, CURLOPT_POSTFIELDS => 'a=b']);
var_dump(curl_exec($asked));
"""


def test_a_server_nobody_knows_is_refused_and_not_waited_for(served):
    folder, path = served
    (folder / "page.php").write_text(ASKS)
    params = {"SCRIPT_FILENAME": f"{folder}/page.php", "REQUEST_METHOD": "GET", "REQUEST_URI": "/page.php"}
    assert _ask(path, params)[1].strip() == "bool(false)"
