<?php // Writes rows, many at a time.

declare(strict_types=1);

namespace SampleShop\Installer;

use SampleShop\Database;

final class Seeder
{
    public const DATE = '2025-03-01 10:00:00';
    private const ROWS_PER_STATEMENT = 200;

    /** @var Database */
    private $db;

    public function __construct(Options $options)
    {
        $this->db = Schema::connect($options);
    }

    /** Given a table, column names and rows in the same order, insert them. */
    public function insert(string $table, string $columns, iterable $rows): void
    {
        $batch = [];
        foreach ($rows as $row) {
            $batch[] = $row;
            if (count($batch) === self::ROWS_PER_STATEMENT) {
                $this->write($table, $columns, $batch);
                $batch = [];
            }
        }
        if ($batch) {
            $this->write($table, $columns, $batch);
        }
    }

    private function write(string $table, string $columns, array $batch): void
    {
        $marks = '(' . implode(', ', array_fill(0, count($batch[0]), '?')) . ')';
        $names = '`' . str_replace(' ', '`, `', $columns) . '`';
        $this->db->run(
            'INSERT INTO {' . $table . '} (' . $names . ') VALUES ' . implode(', ', array_fill(0, count($batch), $marks)),
            array_merge(...$batch)
        );
    }
}
