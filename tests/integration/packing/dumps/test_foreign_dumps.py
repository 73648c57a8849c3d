"""Dumps as other servers and tools write them are loaded whole, or say what is wrong with which line."""

# ruff: noqa: E501 - SQL is read by the row

import pytest

from controller.bundles.source.database.open_source import open_source
from controller.bundles.source.servers.scratch import open_scratch
from shared.errors import ShoplaunchError
from tests.support.shops.packing import server_url

#: What MySQL 8 writes and MariaDB never does.
MYSQL_8 = r"""-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!50503 SET NAMES utf8mb4 */;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;
USE `shop`;
DROP TABLE IF EXISTS `item`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `item` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `key` char(36) COLLATE utf8mb4_0900_ai_ci NOT NULL DEFAULT (uuid()),
  `price` decimal(10,2) NOT NULL DEFAULT '0.00',
  `taxed` decimal(12,2) GENERATED ALWAYS AS ((`price` * 2)) STORED,
  `hidden` int DEFAULT NULL /*!80023 INVISIBLE */,
  `data` json DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `price` (`price` DESC) /*!80000 INVISIBLE */,
  CONSTRAINT `item_chk_1` CHECK ((`price` >= 0)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
LOCK TABLES `item` WRITE;
INSERT INTO `item` (`id`, `key`, `price`, `hidden`, `data`) VALUES (7,'k',1.50,3,'{"a": 1}');
UNLOCK TABLES;
ALTER TABLE `item` AUTO_INCREMENT=12;
-- Dump completed on 2026-01-02  3:04:05
"""
SEVERAL = "CREATE DATABASE `mail`;\nUSE `mail`;\nSET NAMES utf8mb4;\nCREATE TABLE `box` (`id` int);\n" + "".join(
    ["CREATE DATABASE `shop`;\nUSE `shop`;\n"]
    + [f"CREATE TABLE `ps_{name}` (`id` int);\n" for name in ("configuration", "employee", "shop", "lang")]
    + ["INSERT INTO `ps_lang` VALUES (1),(2);\nUSE `mail`;\nINSERT INTO `box` VALUES (5);\n"]
)


@pytest.fixture
def loaded(mariadb_server, tmp_path):
    """A function: load a dump (bytes); return (its source, notes)."""
    with open_scratch(server_url(mariadb_server), lambda _: None) as scratch:

        def load(content):
            path = tmp_path / "shop.sql"
            path.write_bytes(content)
            return open_source(None, path, scratch, lambda _: None)

        yield load


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_dump_of_mysql_8_is_read_whole_whatever_it_is_encoded_in(loaded, encoding):
    with loaded(MYSQL_8.encode(encoding)) as source:
        assert source.query("SELECT id, `key`, price, taxed, hidden FROM item") == [
            (b"7", b"k", b"1.50", b"3.00", b"3")
        ]
        assert "AUTO_INCREMENT=12" in source.create_text("item")
        assert all("utf8mb4_0900_ai_ci" in note for note in source.notes)


def test_of_several_databases_only_the_shops_is_read_and_that_is_reported(loaded):
    with loaded(SEVERAL.encode()) as source:
        assert set(source.tables) == {"ps_configuration", "ps_employee", "ps_shop", "ps_lang"}
        assert source.count("ps_lang") == 2
        assert source.notes == ["of several databases only shop was read, not mail"]


def test_what_the_server_refuses_is_named_by_its_line(loaded):
    sql = "CREATE TABLE `t` (`a` int, KEY `made` ((lower(`a`))));\n"
    with (
        pytest.raises(ShoplaunchError, match=r"at line 3 \(byte \d+\): ") as refused,
        loaded(f"--\n--\n{sql}".encode()),
    ):
        pass
    assert refused.value.code == "dump_failed"


def test_a_dump_that_lost_its_first_lines_is_read_and_that_is_reported(loaded):
    rest = "- ----------------------------\n\nCREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1);\n"
    end = "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n"
    with loaded((rest + end).encode()) as source:
        assert source.count("t") == 1
        assert source.notes == ["the dump's beginning is missing: it gives back settings it never kept"]
