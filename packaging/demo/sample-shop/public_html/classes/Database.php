<?php // One PDO connection and the three ways in which the shop asks it.

declare(strict_types=1);

namespace SampleShop;

final class Database
{
    /** @var \PDO */
    private $pdo;
    /** @var string */
    private $prefix;

    public function __construct(string $dsn, string $user, string $password, string $prefix)
    {
        $this->pdo = new \PDO($dsn, $user, $password, [
            \PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION,
            \PDO::ATTR_DEFAULT_FETCH_MODE => \PDO::FETCH_ASSOC,
            \PDO::ATTR_STRINGIFY_FETCHES => true,
        ]);
        $this->prefix = $prefix;
    }

    public static function fromParameters(Parameters $parameters): self
    {
        return new self(
            self::dsn(
                (string) $parameters->get('database_host'),
                (string) $parameters->get('database_port'),
                (string) $parameters->get('database_name')
            ),
            (string) $parameters->get('database_user'),
            (string) $parameters->get('database_password'),
            (string) $parameters->get('database_prefix')
        );
    }

    /** Given a host as `name`, `name:port` or `name:/path/to/socket`, return the DSN. */
    public static function dsn(string $host, string $port, string $name): string
    {
        $place = 'host=' . $host;
        if (preg_match('#^[^/:]*:(/.+)$#', $host, $match)) {
            $place = 'unix_socket=' . $match[1];
        } elseif (preg_match('#^([^:]+):(\d+)$#', $host, $match)) {
            $place = 'host=' . $match[1] . ';port=' . $match[2];
        } elseif ($port !== '') {
            $place .= ';port=' . $port;
        }

        return 'mysql:' . $place . ';dbname=' . $name . ';charset=utf8mb4';
    }

    /** Table names are written as {name}; the prefix is put before them here. */
    public function run(string $sql, array $values = []): \PDOStatement
    {
        $sql = preg_replace('/\{([a-z_]+)\}/', '`' . $this->prefix . '$1`', $sql);
        $statement = $this->pdo->prepare($sql);
        $statement->execute($values);

        return $statement;
    }

    public function rows(string $sql, array $values = []): array
    {
        return $this->run($sql, $values)->fetchAll();
    }

    public function row(string $sql, array $values = []): ?array
    {
        return $this->run($sql, $values)->fetch() ?: null;
    }

    public function value(string $sql, array $values = []): ?string
    {
        $value = $this->run($sql, $values)->fetchColumn();

        return $value === false || $value === null ? null : (string) $value;
    }

    public function lastId(): int
    {
        return (int) $this->pdo->lastInsertId();
    }
}
