"""The templates that are measured: the sample shop, enlarged to the shapes of three real shops, the same every time."""

import os
import random
import subprocess
from dataclasses import dataclass
from itertools import accumulate

from tests.support.worlds.agent_box import PROJECT

INSTALLER = PROJECT / "packaging" / "demo" / "sample-shop"
DOMAIN = "shop.template.example"
PASSWORD = "bench-Pw-2024-x"
_FILES_PER_FOLDER = 25
_ROWS_PER_STATEMENT = 500
#: Of the text the files and rows are cut from; what gzip remembers is far less, so nothing repeats for it.
_POOL_BYTES = 4 << 20
#: How many of its lines stand a little further up already: with these, as much is packed as of real shops.
_REPEATED = 0.5
_NEAR_LINES = 60
_OTHERS_ROWS = {"samplestats": 9000, "sampledocument": 0}


@dataclass(frozen=True)
class Shape:
    """How much is added to the sample shop: files of code and pictures (a number and their mean bytes), SQL bytes."""

    name: str
    what: str
    texts: int
    text_bytes: int
    pictures: int
    picture_bytes: int
    sql_bytes: int


#: 17 MB packed, 6,000 files, 1 MB of SQL; 80 MB, 27,000, 30 MB; 530 MB, 60,000, 250 MB.
SHAPES = {
    one.name: one
    for one in (
        Shape("small", "as a PrestaShop 1.6", 4700, 5800, 1050, 8500, 0),
        Shape("medium", "as a PrestaShop 8 with a real catalogue", 23000, 9000, 3700, 5500, 28_000_000),
        Shape("large", "as a big shop", 26000, 9000, 33700, 11500, 248_000_000),
    )
}

TABLES = """
CREATE TABLE ps_benchitem (id_item int unsigned NOT NULL AUTO_INCREMENT, reference varchar(32) NOT NULL,
    id_maker int unsigned NOT NULL, id_category int unsigned NOT NULL, price decimal(20,6) NOT NULL,
    active tinyint(1) NOT NULL, date_add datetime NOT NULL, PRIMARY KEY (id_item), KEY reference (reference),
    KEY maker (id_maker), KEY category (id_category, active), KEY date_add (date_add));
CREATE TABLE ps_benchitem_lang (id_item int unsigned NOT NULL, id_lang int unsigned NOT NULL,
    name varchar(128) NOT NULL, link_rewrite varchar(128) NOT NULL, description text NOT NULL,
    PRIMARY KEY (id_item, id_lang), KEY name (name), KEY id_lang (id_lang, link_rewrite));
CREATE TABLE ps_benchoption (id_option int unsigned NOT NULL AUTO_INCREMENT, id_item int unsigned NOT NULL,
    settings text NOT NULL, PRIMARY KEY (id_option), KEY id_item (id_item));
CREATE TABLE ps_benchindex (id_item int unsigned NOT NULL, id_word int unsigned NOT NULL, weight smallint NOT NULL,
    PRIMARY KEY (id_word, id_item), KEY id_item (id_item, weight));
"""


class _Words:
    """Running text out of a vocabulary of its own, in which few words are frequent, as in languages and in code."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        letters = "eeeaaioutnsrlcdmphgbfvkwyjxqz_$"
        words = ["".join(self.draw.choices(letters, k=self.draw.randint(2, 11))) for _ in range(6000)]
        frequent = list(accumulate(1 / (rank + 12) for rank in range(len(words))))
        lines = []
        size = 0
        while size < _POOL_BYTES:
            if lines and self.draw.random() < _REPEATED:
                line = self.draw.choice(lines[-_NEAR_LINES:])
            else:
                line = " " * self.draw.choice((0, 4, 4, 8, 12))
                line += " ".join(self.draw.choices(words, cum_weights=frequent, k=self.draw.randint(1, 14)))
            lines.append(line)
            size += len(line) + 1
        self._pool = "\n".join(lines)

    def text(self, size):
        """Return about `size` characters."""
        start = self.draw.randrange(len(self._pool) - size)
        return self._pool[start : start + size].replace("\\", "")

    def line(self, size):
        """Return up to `size` characters without line ends."""
        return " ".join(self.text(size).split())

    def size(self, mean):
        """Return a size as files have them: many small ones, few large ones, `mean` on average (up to 30 times it)."""
        return min(30 * mean, 64 + int(self.draw.expovariate(1 / mean) * self.draw.uniform(0.2, 1.8)))


def make(shape, folder, server):
    """Install the sample shop into `folder` and a new database of `server` (mariadb), enlarged to `shape`.

    Returns (document root, database URL without its password); the password is PASSWORD.
    """
    name, user, _ = server.new_database()
    server.query(f"ALTER USER `{user}`@localhost IDENTIFIED BY %s", PASSWORD)
    url = f"mysql://{user}@localhost/{name}?unix_socket={server.socket}"
    root = folder / "shop"
    command = ["php", str(INSTALLER / "install.php"), "--docroot", str(root), "--domain", DOMAIN]
    command += ["--admin-email", f"boss@{DOMAIN}", "--admin-password", PASSWORD, "--db-url", url]
    environment = {**os.environ, "SAMPLE_SHOP_DB_PASSWORD": PASSWORD}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    for table, rows in _OTHERS_ROWS.items():
        key = server.query(f"SHOW KEYS FROM ps_{table} WHERE Key_name = 'PRIMARY'", database=name)[0][4]
        server.query(f"DELETE FROM ps_{table} WHERE {key} > %s", rows, database=name)
    words = _Words(shape.name)
    _write_files(shape, root, words)
    _write_rows(shape, folder / "rows.sql", words)
    with (folder / "rows.sql").open("rb") as rows:
        subprocess.run(["mariadb", "--no-defaults", "-uroot", f"-S{server.socket}", name], stdin=rows, check=True)
    (folder / "rows.sql").unlink()
    return root, url


def _write_files(shape, root, words):
    for number in range(shape.texts):
        path = _place(root / "modules", number, "php")
        path.write_text(f"<?php // {number}\n{words.text(words.size(shape.text_bytes))}\n")
    for number in range(shape.pictures):
        path = _place(root / "img" / "p", number, "jpg")
        path.write_bytes(b"\xff\xd8\xff\xe0" + words.draw.randbytes(words.size(shape.picture_bytes)))


def _place(above, number, ending):
    folder = above / f"m{number // 800}" / f"f{number // _FILES_PER_FOLDER}"
    if number % _FILES_PER_FOLDER == 0:
        folder.mkdir(parents=True)
    return folder / f"{number}.{ending}"


def _write_rows(shape, path, words):
    """Write the catalogue as SQL: descriptions are most of it, the index of words has most of its rows."""
    items = shape.sql_bytes // 1900
    with path.open("w") as stream:
        stream.write(TABLES + "SET autocommit=0;\n")
        _insert(stream, "ps_benchitem", (_item(number, words) for number in range(1, items + 1)))
        _insert(stream, "ps_benchitem_lang", (_text(1 + half // 2, 1 + half % 2, words) for half in range(2 * items)))
        _insert(stream, "ps_benchoption", (_option(number, words) for number in range(1, items + 1)))
        _insert(stream, "ps_benchindex", _index(items, words))
        stream.write("COMMIT;\n")


def _insert(stream, table, rows):
    waiting = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _ROWS_PER_STATEMENT:
            stream.write(f"INSERT INTO {table} VALUES {','.join(waiting)};\n")
            waiting = []
    if waiting:
        stream.write(f"INSERT INTO {table} VALUES {','.join(waiting)};\n")


def _item(number, words):
    draw = words.draw
    day = f"20{draw.randint(10, 25)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02} 10:00:00"
    return f"({number},'R-{draw.randrange(10**9):09}',{draw.randint(1, 200)},{draw.randint(1, 900)}," + (
        f"{draw.randrange(1, 200000) / 100},{number % 9 > 0},'{day}')"
    )


def _text(number, language, words):
    link = f'<a href="http://{DOMAIN}/{number}-item.html">' if number % 20 == 0 else "<p>"
    name = words.line(40)
    rewrite = name.replace(" ", "-")[:60]
    return f"({number},{language},'{name}','{rewrite}','{link}{words.line(words.size(520))}')"


def _option(number, words):
    address = f"http://{DOMAIN}/img/p/{number}.jpg" if number % 10 == 0 else f"/img/p/{number}.jpg"
    text = words.line(120)
    parts = "".join(f's:{len(one)}:"{one}";' for one in ("image", address, "note", text))
    return f"({number},{number},'a:2:{{{parts}}}')"


def _index(items, words):
    for item in range(1, items + 1):
        for word in words.draw.sample(range(1, 20000), 18):
            yield f"({item},{word},{word % 60})"
