<?php
/** Capsule::schema(): hasTable and create with the few column kinds the addon uses. */

declare(strict_types=1);

namespace WHMCS\Database;

final class Schema
{
    public function hasTable(string $name): bool
    {
        try {
            Capsule::run('SELECT 1 FROM ' . Builder::name($name) . ' LIMIT 1', []);
            return true;
        } catch (\PDOException $absent) {
            return false;
        }
    }

    public function create(string $name, \Closure $describe): void
    {
        $table = new Blueprint();
        $describe($table);
        Capsule::run('CREATE TABLE ' . Builder::name($name) . ' (' . $table->sql() . ')', []);
    }

    public function __call(string $name, array $arguments)
    {
        throw new \BadMethodCallException("the schema double has no $name()");
    }
}

final class Blueprint
{
    private $columns = [];

    public function increments(string $name): Column
    {
        $lite = Capsule::pdo()->getAttribute(\PDO::ATTR_DRIVER_NAME) === 'sqlite';
        $kind = $lite ? 'INTEGER PRIMARY KEY AUTOINCREMENT' : 'INT UNSIGNED AUTO_INCREMENT PRIMARY KEY';
        return $this->columns[] = new Column($name, $kind);
    }

    public function unsignedInteger(string $name): Column
    {
        return $this->columns[] = new Column($name, 'INT UNSIGNED');
    }

    public function string(string $name, int $length = 255): Column
    {
        return $this->columns[] = new Column($name, "VARCHAR($length)");
    }

    public function boolean(string $name): Column
    {
        return $this->columns[] = new Column($name, 'TINYINT(1)');
    }

    public function text(string $name): Column
    {
        return $this->columns[] = new Column($name, 'TEXT');
    }

    public function sql(): string
    {
        return implode(', ', array_map(static function (Column $column) {
            return $column->sql();
        }, $this->columns));
    }

    public function __call(string $name, array $arguments)
    {
        throw new \BadMethodCallException("the table double has no $name()");
    }
}

final class Column
{
    private $name;
    private $kind;
    private $null = ' NOT NULL';
    private $more = '';

    public function __construct(string $name, string $kind)
    {
        [$this->name, $this->kind] = [$name, $kind];
    }

    public function nullable(): self
    {
        $this->null = '';
        return $this;
    }

    public function default($value): self
    {
        $this->more .= ' DEFAULT ' . Capsule::pdo()->quote((string) $value);
        return $this;
    }

    public function primary(): self
    {
        $this->more .= ' PRIMARY KEY';
        return $this;
    }

    public function unique(): self
    {
        $this->more .= ' UNIQUE';
        return $this;
    }

    /** Speed only: the double has few rows. */
    public function index(): self
    {
        return $this;
    }

    public function sql(): string
    {
        return Builder::name($this->name) . ' ' . $this->kind . $this->null . $this->more;
    }
}
