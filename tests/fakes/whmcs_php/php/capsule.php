<?php
/** Database\Capsule as WHMCS documents it, over PDO: only the calls the addon makes, everything else is refused. */

declare(strict_types=1);

namespace WHMCS\Database;

final class Capsule
{
    private static $pdo = null;

    public static function connect(string $dsn, string $user, string $password): void
    {
        self::$pdo = static function () use ($dsn, $user, $password) {
            $pdo = new \PDO($dsn, $user, $password, [
                \PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION,
                \PDO::ATTR_DEFAULT_FETCH_MODE => \PDO::FETCH_OBJ,
            ]);
            if ($pdo->getAttribute(\PDO::ATTR_DRIVER_NAME) === 'mysql') {
                $pdo->exec("SET sql_mode = ''");
            }
            return $pdo;
        };
    }

    public static function pdo(): \PDO
    {
        if (self::$pdo instanceof \Closure) {
            self::$pdo = (self::$pdo)();
        }
        return self::$pdo;
    }

    /** Run a statement of the addon's; it is written down, so that tests can count. */
    public static function run(string $sql, array $values): \PDOStatement
    {
        \Double\note_query($sql);
        $statement = self::pdo()->prepare($sql);
        $statement->execute($values);
        return $statement;
    }

    public static function table(string $name): Builder
    {
        return new Builder($name);
    }

    public static function schema(): Schema
    {
        return new Schema();
    }

    public static function connection(): Connection
    {
        return new Connection();
    }

    public static function __callStatic(string $name, array $arguments)
    {
        throw new \BadMethodCallException("Capsule::$name is not one of the documented calls");
    }
}

final class Connection
{
    public function transaction(\Closure $work)
    {
        $pdo = Capsule::pdo();
        $pdo->beginTransaction();
        try {
            $result = $work($this);
            $pdo->commit();
            return $result;
        } catch (\Throwable $failure) {
            $pdo->rollBack();
            throw $failure;
        }
    }
}

/** Rows; a collection is no array. */
final class Collection implements \IteratorAggregate, \Countable
{
    private $rows;

    public function __construct(array $rows)
    {
        $this->rows = $rows;
    }

    #[\ReturnTypeWillChange]
    public function getIterator()
    {
        return new \ArrayIterator($this->rows);
    }

    public function count(): int
    {
        return count($this->rows);
    }
}

final class Builder
{
    private const OPERATORS = ['=', '<', '>', '<=', '>=', '!=', '<>', 'like'];
    private $table;
    private $joins = '';
    private $columns = '*';
    private $conditions = [];
    private $values = [];
    private $orders = [];
    private $limit = null;
    private $offset = null;

    public function __construct(string $table)
    {
        $this->table = self::name($table);
    }

    public function where(string $column, $operator, $value = null): self
    {
        if (func_num_args() === 2) {
            [$operator, $value] = ['=', $operator];
        }
        if (!in_array($operator, self::OPERATORS, true) || !is_scalar($value)) {
            throw new \InvalidArgumentException("where($column) with such an operator or value");
        }
        $this->conditions[] = self::name($column) . " $operator ?";
        $this->values[] = is_bool($value) ? (int) $value : $value;
        return $this;
    }

    public function join(string $table, string $one, string $operator, string $other): self
    {
        if ($operator !== '=') {
            throw new \InvalidArgumentException("join($table) with such an operator");
        }
        $this->joins .= ' INNER JOIN ' . self::name($table) . ' ON ' . self::name($one) . ' = ' . self::name($other);
        return $this;
    }

    public function select(string $columns): self
    {
        $this->columns = self::name(preg_replace('/\.\*$/', '', $columns)) . '.*';
        return $this;
    }

    public function whereIn(string $column, array $values): self
    {
        $marks = implode(', ', array_fill(0, count($values), '?'));
        $this->conditions[] = $values === [] ? '0 = 1' : self::name($column) . " IN ($marks)";
        array_push($this->values, ...array_values($values));
        return $this;
    }

    public function orderBy(string $column, string $direction = 'asc'): self
    {
        if (!in_array($direction, ['asc', 'desc'], true)) {
            throw new \InvalidArgumentException('Order direction must be "asc" or "desc".');
        }
        $this->orders[] = self::name($column) . ' ' . $direction;
        return $this;
    }

    public function limit(int $number): self
    {
        $this->limit = $number;
        return $this;
    }

    public function offset(int $number): self
    {
        $this->offset = $number;
        return $this;
    }

    public function get(): Collection
    {
        return new Collection(Capsule::run($this->query($this->columns), $this->values)->fetchAll());
    }

    public function first(): ?\stdClass
    {
        return $this->limit(1)->get()->getIterator()[0] ?? null;
    }

    public function exists(): bool
    {
        return (bool) Capsule::run('SELECT EXISTS (' . $this->query('1') . ') AS found', $this->values)->fetch()->found;
    }

    public function insert(array $row): bool
    {
        $this->write('INSERT INTO', $row);
        return true;
    }

    public function insertOrIgnore(array $row): int
    {
        $lite = Capsule::pdo()->getAttribute(\PDO::ATTR_DRIVER_NAME) === 'sqlite';
        return $this->write($lite ? 'INSERT OR IGNORE INTO' : 'INSERT IGNORE INTO', $row)->rowCount();
    }

    public function update(array $values): int
    {
        $sets = [];
        foreach (array_keys($values) as $column) {
            $sets[] = self::name($column) . ' = ?';
        }
        $sql = "UPDATE {$this->table} SET " . implode(', ', $sets) . $this->filter();
        return Capsule::run($sql, array_merge(array_values($values), $this->values))->rowCount();
    }

    public function delete(): int
    {
        return Capsule::run("DELETE FROM {$this->table}" . $this->filter(), $this->values)->rowCount();
    }

    public function __call(string $name, array $arguments)
    {
        throw new \BadMethodCallException("the query builder double has no $name()");
    }

    public static function name(string $name): string
    {
        if (!preg_match('/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/', $name)) {
            throw new \InvalidArgumentException("no name: $name");
        }
        return '`' . str_replace('.', '`.`', $name) . '`';
    }

    private function write(string $verb, array $row): \PDOStatement
    {
        $columns = implode(', ', array_map([self::class, 'name'], array_keys($row)));
        $marks = implode(', ', array_fill(0, count($row), '?'));
        return Capsule::run("$verb {$this->table} ($columns) VALUES ($marks)", array_values($row));
    }

    private function query(string $what): string
    {
        $sql = "SELECT $what FROM {$this->table}{$this->joins}" . $this->filter();
        $sql .= $this->orders === [] ? '' : ' ORDER BY ' . implode(', ', $this->orders);
        $sql .= $this->limit === null ? '' : ' LIMIT ' . $this->limit;
        return $sql . ($this->offset === null ? '' : ' OFFSET ' . $this->offset);
    }

    private function filter(): string
    {
        return $this->conditions === [] ? '' : ' WHERE ' . implode(' AND ', $this->conditions);
    }
}
