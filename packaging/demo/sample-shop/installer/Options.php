<?php // What the installer was asked to do.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Options
{
    private const FLAGS = ['force', 'with-install-folder'];
    private const VALUES = [
        'docroot' => null, 'domain' => null, 'admin-email' => null, 'admin-password' => null,
        'db-url' => '', 'db-host' => 'localhost', 'db-port' => '', 'db-name' => '', 'db-user' => '', 'db-password' => '',
        'physical-uri' => '/', 'prefix' => 'ps_', 'language' => 'en', 'shop-name' => '', 'pictures-of' => '',
    ];

    /** @var string */
    public $docroot;
    /** @var string host name, with its port when that is not the usual one */
    public $domain;
    /** @var string */
    public $physicalUri;
    /** @var string */
    public $prefix;
    /** @var string */
    public $shopName;
    /** @var int */
    public $language;
    /** @var array{email: string, password: string} */
    public $admin;
    /** @var array{host: string, port: string, name: string, user: string, password: string} */
    public $database;
    /** @var string document root of a sample shop with the pictures, drawn when empty */
    public $picturesOf;
    /** @var bool */
    public $force;
    /** @var bool */
    public $withInstallFolder;

    public static function parse(array $arguments): self
    {
        $given = self::read($arguments);
        $given['db-password'] = $given['db-password'] ?: (string) getenv('SAMPLE_SHOP_DB_PASSWORD');
        $given['admin-password'] = $given['admin-password'] ?? (getenv('SAMPLE_SHOP_ADMIN_PASSWORD') ?: null);
        foreach ($given as $name => $value) {
            if ($value === null) {
                throw new \InvalidArgumentException('--' . $name . ' is missing');
            }
        }
        $options = new self();
        $options->docroot = rtrim($given['docroot'], '/');
        $options->domain = strtolower($given['domain']);
        $options->physicalUri = '/' . ltrim(trim($given['physical-uri'], '/') . '/', '/');
        $options->prefix = $given['prefix'];
        $options->language = $given['language'] === 'fa' ? 2 : 1;
        $options->shopName = $given['shop-name'] ?: ($options->language === 2 ? 'فروشگاه نمونه' : 'Sample Shop');
        $options->admin = ['email' => $given['admin-email'], 'password' => $given['admin-password']];
        $options->database = $given['db-url'] !== '' ? self::url($given['db-url'], $given['db-password']) : [
            'host' => $given['db-host'], 'port' => $given['db-port'], 'name' => $given['db-name'],
            'user' => $given['db-user'], 'password' => $given['db-password'],
        ];
        $options->picturesOf = rtrim($given['pictures-of'], '/');
        $options->force = isset($given['force']);
        $options->withInstallFolder = isset($given['with-install-folder']);
        if ($options->docroot === '' || $options->docroot[0] !== '/' || $options->database['name'] === '') {
            throw new \InvalidArgumentException('--docroot wants an absolute path, and the database a name');
        }
        if ($options->picturesOf !== '' && !is_dir($options->picturesOf . '/img/p')) {
            throw new \InvalidArgumentException('--pictures-of wants the document root of a sample shop');
        }

        return $options;
    }

    private static function read(array $arguments): array
    {
        $given = self::VALUES;
        while ($arguments) {
            $argument = array_shift($arguments);
            [$name, $value] = explode('=', substr($argument, 2), 2) + [1 => null];
            if (strpos($argument, '--') === 0 && in_array($name, self::FLAGS, true)) {
                $given[$name] = true;
            } elseif (strpos($argument, '--') === 0 && array_key_exists($name, self::VALUES)) {
                $given[$name] = $value ?? (string) array_shift($arguments);
            } else {
                throw new \InvalidArgumentException('not understood: ' . $argument);
            }
        }

        return $given;
    }

    /** Given mysql://USER:PASSWORD@HOST:PORT/NAME?unix_socket=PATH, return its parts. */
    private static function url(string $url, string $password): array
    {
        $parts = parse_url($url);
        if (!is_array($parts)) {
            throw new \InvalidArgumentException('--db-url cannot be read');
        }
        parse_str($parts['query'] ?? '', $query);
        $socket = $query['unix_socket'] ?? '';

        return [
            'host' => $socket !== '' ? 'localhost:' . $socket : $parts['host'],
            'port' => (string) ($parts['port'] ?? ''),
            'name' => rawurldecode(ltrim($parts['path'] ?? '', '/')),
            'user' => rawurldecode($parts['user'] ?? ''),
            'password' => rawurldecode($parts['pass'] ?? '') ?: $password,
        ];
    }
}
