"""The same small shop as each tool writes its dump: six styles, distinguished by their comments, keys and wrappings."""

# ruff: noqa: E501 - SQL is read by the row

#: Rows of `notes`, as every style inserts them.
NOTES = (
    (1, 'it\\\'s \\"quoted\\"; -- no comment', "2024-01-02"),
    (2, "/* no comment */ # neither", "0000-00-00"),
    (3, "سلام\\nدنیا", "2024-02-30"),
)


def _rows(separator=","):
    return separator.join(f"({number},'{text}','{day}')" for number, text, day in NOTES)


_TABLE = """CREATE TABLE `notes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `text` varchar(190) DEFAULT NULL,
  `day` date DEFAULT NULL,
  PRIMARY KEY (`id`),
  FULLTEXT KEY `words` (`text`)
) ENGINE=MyISAM AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"""
_TRIGGER_BODY = (
    "BEFORE INSERT ON `notes` FOR EACH ROW BEGIN\n  IF NEW.text = ';' THEN SET NEW.text = 'semicolon'; END IF;\nEND"
)
_PROCEDURE_BODY = "()\nBEGIN\n  SELECT COUNT(*) FROM notes; -- counted;\nEND"


def _by_dump_tool(first, version, table=_TABLE):
    """`mysqldump` and `mariadb-dump`: conditional comments for everything."""
    return f"""{first}
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version\t{version}

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

DROP TABLE IF EXISTS `notes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
{table};
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `notes` WRITE;
/*!40000 ALTER TABLE `notes` DISABLE KEYS */;
INSERT INTO `notes` VALUES {_rows()};
/*!40000 ALTER TABLE `notes` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`gone`@`10.0.%`*/ /*!50003 TRIGGER `cleaned` {_TRIGGER_BODY} */;;
DELIMITER ;
/*!50003 DROP PROCEDURE IF EXISTS `counted` */;
DELIMITER ;;
CREATE DEFINER=`gone`@`10.0.%` PROCEDURE `counted`{_PROCEDURE_BODY} ;;
DELIMITER ;
/*!50001 DROP VIEW IF EXISTS `dated`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`gone`@`10.0.%` SQL SECURITY DEFINER */
/*!50001 VIEW `dated` AS select `notes`.`id` AS `id` from `notes` */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2024-01-02  3:04:05
"""


#: What phpMyAdmin writes before and behind everything.
PHPMYADMIN_START = """-- phpMyAdmin SQL Dump
-- version 5.2.1
-- https://www.phpmyadmin.net/

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";
START TRANSACTION;
SET time_zone = "+00:00";


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;

--
-- Database: `shop`
--
CREATE DATABASE IF NOT EXISTS `shop` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
USE `shop`;
"""
PHPMYADMIN_END = """COMMIT;

/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
"""


#: What phpMyAdmin writes behind the rows: triggers, views in place of their stand-ins, the tables' keys.
_PHPMYADMIN_END = f"""--
-- Triggers `notes`
--
DELIMITER $$
CREATE TRIGGER `cleaned` {_TRIGGER_BODY}
$$
DELIMITER ;

-- Stand-in structure for view `dated`
-- (See below for the actual view)
CREATE TABLE `dated` (
`id` int(11)
);

DROP TABLE IF EXISTS `dated`;

CREATE ALGORITHM=UNDEFINED DEFINER=`gone`@`localhost` SQL SECURITY DEFINER VIEW `dated`  AS SELECT `notes`.`id` AS `id` FROM `notes` ;

ALTER TABLE `notes`
  ADD PRIMARY KEY (`id`);
ALTER TABLE `notes` ADD FULLTEXT KEY `words` (`text`);

ALTER TABLE `notes`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=4;
{PHPMYADMIN_END}"""


def _by_phpmyadmin():
    """Transaction around all, CREATE DATABASE and USE, a stand-in for the view, keys added at the end."""
    plain = (
        _TABLE.replace(" AUTO_INCREMENT,", ",")
        .replace(",\n  PRIMARY KEY (`id`),\n  FULLTEXT KEY `words` (`text`)", "")
        .replace(" AUTO_INCREMENT=4", "")
    )
    return f"""{PHPMYADMIN_START}
DELIMITER $$
--
-- Procedures
--
CREATE DEFINER=`gone`@`localhost` PROCEDURE `counted` {_PROCEDURE_BODY}$$

DELIMITER ;

-- --------------------------------------------------------
{plain};

INSERT INTO `notes` (`id`, `text`, `day`) VALUES
{_rows("," + chr(10))};

{_PHPMYADMIN_END}"""


def _by_adminer():
    """Plain settings, TRUNCATE before the rows, `;;` around routines."""
    return f"""-- Adminer 4.8.1 MySQL 8.0.36 dump

SET NAMES utf8;
SET time_zone = '+00:00';
SET foreign_key_checks = 0;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';

USE `shop`;

DELIMITER ;;

DROP PROCEDURE IF EXISTS `counted`;;
CREATE PROCEDURE `counted` {_PROCEDURE_BODY};;

DELIMITER ;

SET NAMES utf8mb4;

DROP VIEW IF EXISTS `dated`;
CREATE TABLE `dated` (`id` int(11));


DROP TABLE IF EXISTS `notes`;
{_TABLE};

TRUNCATE `notes`;
INSERT INTO `notes` (`id`, `text`, `day`) VALUES
{_rows("," + chr(10))}
ON DUPLICATE KEY UPDATE `id` = VALUES(`id`), `text` = VALUES(`text`), `day` = VALUES(`day`);

DELIMITER ;;

CREATE TRIGGER `cleaned` {_TRIGGER_BODY};;

DELIMITER ;

DROP TABLE IF EXISTS `dated`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `dated` AS select `notes`.`id` AS `id` from `notes`;

-- 2024-01-02 03:04:05
"""


def _by_heidisql():
    """CREATE DATABASE and USE, DELETE before the rows, `//` around routines, one INSERT a row."""
    inserts = "\n".join(
        f"INSERT INTO `notes` (`id`, `text`, `day`) VALUES\n\t({n}, '{t}', '{d}');" for n, t, d in NOTES
    )
    return f"""-- --------------------------------------------------------
-- Host:                         127.0.0.1
-- HeidiSQL Version:             12.6.0.6765
-- --------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES' */;


-- Dumping database structure for shop
DROP DATABASE IF EXISTS `shop`;
CREATE DATABASE IF NOT EXISTS `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;
USE `shop`;

DELIMITER //
CREATE PROCEDURE `counted` {_PROCEDURE_BODY}//
DELIMITER ;

-- Dumping structure for view shop.dated
-- Creating temporary table to overcome VIEW dependency errors
CREATE TABLE `dated` (
\t`id` INT(11) NOT NULL
) ENGINE=MyISAM;

{_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")};

DELETE FROM `notes`;
/*!40000 ALTER TABLE `notes` DISABLE KEYS */;
{inserts}
/*!40000 ALTER TABLE `notes` ENABLE KEYS */;

SET @OLDTMP_SQL_MODE=@@SQL_MODE, SQL_MODE='STRICT_TRANS_TABLES';
DELIMITER //
CREATE TRIGGER `cleaned` {_TRIGGER_BODY}//
DELIMITER ;
SET SQL_MODE=@OLDTMP_SQL_MODE;

-- Removing temporary table and create final VIEW structure
DROP TABLE IF EXISTS `dated`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `dated` AS select `notes`.`id` AS `id` from `notes`;

/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;
/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;
"""


#: Name of the tool and its time -> its dump (bytes).
STYLES = {
    style: text.encode()
    for style, text in {
        "mysqldump-5.5": _by_dump_tool("-- MySQL dump 10.13  Distrib 5.5.62, for debian-linux-gnu (x86_64)", "5.5.62-log"),
        "mysqldump-8.4": _by_dump_tool("-- MySQL dump 10.13  Distrib 8.4.2, for Linux (x86_64)", "8.4.2",
                                       _TABLE.replace("int(11)", "int").replace("general_ci", "0900_ai_ci")),
        "mariadb-5.5": _by_dump_tool("-- MySQL dump 10.14  Distrib 5.5.68-MariaDB, for Linux (x86_64)", "5.5.68-MariaDB"),
        "mariadb-11.8": _by_dump_tool("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.8.3-MariaDB", "11.8.3-MariaDB",
                                      _TABLE.replace("general_ci", "uca1400_ai_ci")),
        "phpmyadmin": _by_phpmyadmin(),
        "adminer": _by_adminer(),
        "heidisql": _by_heidisql(),
    }.items()
}  # fmt: skip
