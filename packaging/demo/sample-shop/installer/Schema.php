<?php // Creates the tables from schema.sql.

declare(strict_types=1);

namespace SampleShop\Installer;

use SampleShop\Database;

final class Schema
{
    private const DEFAULTS = ' DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci';

    public static function connect(Options $options): Database
    {
        $to = $options->database;
        $db = new Database(Database::dsn($to['host'], $to['port'], $to['name']), $to['user'], $to['password'], $options->prefix);
        $db->run("SET sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', foreign_key_checks = 0");

        return $db;
    }

    public static function load(Options $options): void
    {
        $db = self::connect($options);
        self::makeRoom($db, $options);
        $sql = preg_replace('/^--.*$/m', '', file_get_contents(__DIR__ . '/schema.sql'));
        foreach (preg_split('/;\s*\n/', $sql, -1, PREG_SPLIT_NO_EMPTY) as $statement) {
            $statement = str_replace(['`ps_', 'CONSTRAINT ps_'], ['`' . $options->prefix, 'CONSTRAINT ' . $options->prefix], trim($statement));
            if (strpos($statement, 'CREATE TABLE') === 0) {
                $statement .= (strpos($statement, ' ENGINE=') === false ? ' ENGINE=InnoDB' : '')
                    . (strpos($statement, ' CHARSET=') === false ? self::DEFAULTS : '');
            }
            if ($statement !== '') {
                $db->run($statement);
            }
        }
    }

    /** Tables of an earlier installation go only when asked. */
    private static function makeRoom(Database $db, Options $options): void
    {
        $tables = $db->rows(
            'SELECT table_name AS name, table_type AS kind FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_name LIKE ?',
            [addcslashes($options->prefix, '_%') . '%']
        );
        if ($tables && !$options->force) {
            throw new \InvalidArgumentException('the database holds a shop already; --force replaces it');
        }
        foreach ($tables as $table) {
            $db->run(($table['kind'] === 'VIEW' ? 'DROP VIEW `' : 'DROP TABLE `') . $table['name'] . '`');
        }
    }
}
