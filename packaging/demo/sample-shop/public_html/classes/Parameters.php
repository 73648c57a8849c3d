<?php // Reads app/config/parameters.php through its exported copy in the cache folder.

declare(strict_types=1);

namespace SampleShop;

final class Parameters
{
    /** @var array<string, mixed> */
    private $values;

    private function __construct(array $values)
    {
        $this->values = $values;
    }

    /** The copy wins unless the source is newer: who moves a shop must leave var/cache behind. */
    public static function load(): self
    {
        $source = _PS_ROOT_DIR_ . '/app/config/parameters.php';
        $copy = _PS_CACHE_DIR_ . 'appParameters.php';
        if (!is_file($copy) || filemtime($source) > filemtime($copy)) {
            $values = self::halvePercents((require $source)['parameters']);
            self::export($copy, $values);

            return new self($values);
        }

        return new self(require $copy);
    }

    /** @return mixed */
    public function get(string $name)
    {
        return $this->values[$name] ?? null;
    }

    /** A value stands in the file with every percent sign doubled; a single one is a broken file. */
    private static function halvePercents(array $values): array
    {
        foreach ($values as $name => $value) {
            if (!is_string($value)) {
                continue;
            }
            if (strpos(str_replace('%%', '', $value), '%') !== false) {
                throw new \RuntimeException('parameters.php: single percent sign in ' . $name);
            }
            $values[$name] = str_replace('%%', '%', $value);
        }

        return $values;
    }

    /** A cache folder that cannot be written makes the shop slower, not wrong. */
    public static function export(string $file, array $values): void
    {
        if (!is_dir(dirname($file))) {
            @mkdir(dirname($file), 0755, true);
        }
        $temporary = $file . '.' . bin2hex(random_bytes(4));
        if (@file_put_contents($temporary, '<?php return ' . var_export($values, true) . ";\n") === false) {
            return;
        }
        rename($temporary, $file);
        if (function_exists('opcache_invalidate')) {
            opcache_invalidate($file, true);
        }
    }
}
