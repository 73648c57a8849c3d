<?php // Settings compiled into one file at first use and never compiled again while it is there.

declare(strict_types=1);

namespace SampleShop;

final class Container
{
    /** What the file says wins, even when it came from another account with the rest of var/cache. */
    public static function database(Parameters $parameters): Database
    {
        $file = _PS_CACHE_DIR_ . 'container.php';
        if (!is_file($file)) {
            Parameters::export($file, self::compile($parameters));
        }
        $compiled = is_file($file) ? require $file : self::compile($parameters);

        return new Database($compiled['dsn'], $compiled['user'], $compiled['password'], $compiled['prefix']);
    }

    private static function compile(Parameters $parameters): array
    {
        return [
            'kernel.project_dir' => _PS_ROOT_DIR_,
            'kernel.secret' => (string) $parameters->get('secret'),
            'dsn' => Database::dsn(
                (string) $parameters->get('database_host'),
                (string) $parameters->get('database_port'),
                (string) $parameters->get('database_name')
            ),
            'user' => (string) $parameters->get('database_user'),
            'password' => (string) $parameters->get('database_password'),
            'prefix' => (string) $parameters->get('database_prefix'),
        ];
    }
}
