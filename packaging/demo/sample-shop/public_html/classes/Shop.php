<?php // Which shop a request is for, and the addresses of its pages.

declare(strict_types=1);

namespace SampleShop;

final class Shop
{
    /** @var array */
    private $row;
    /** @var array<string, string|null> */
    private $configuration = [];

    private function __construct(array $row)
    {
        $this->row = $row;
    }

    /** The shop whose address the request named, without its port or with it. */
    public static function byHost(Database $db, string $host): ?self
    {
        foreach ([preg_replace('/:\d+$/', '', $host), $host] as $domain) {
            $row = $db->row(
                'SELECT * FROM {shop_url} u JOIN {shop} s USING (id_shop)
                 WHERE u.active = 1 AND s.active = 1 AND (u.domain = ? OR u.domain_ssl = ?) ORDER BY u.main DESC',
                [$domain, $domain]
            );
            if ($row !== null) {
                return (new self($row))->configure($db);
            }
        }

        return null;
    }

    public static function main(Database $db): self
    {
        $row = $db->row(
            'SELECT * FROM {shop_url} u JOIN {shop} s USING (id_shop) WHERE u.main = 1 AND s.active = 1 ORDER BY id_shop'
        );
        if ($row === null) {
            throw new \RuntimeException('no active shop has a main address');
        }

        return (new self($row))->configure($db);
    }

    public static function isHttps(): bool
    {
        return !in_array($_SERVER['HTTPS'] ?? 'off', ['', 'off'], true)
            || ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https';
    }

    public function setting(string $name): string
    {
        return (string) ($this->configuration[$name] ?? '');
    }

    public function id(): int
    {
        return (int) $this->row['id_shop'];
    }

    public function name(): string
    {
        return $this->setting('PS_SHOP_NAME');
    }

    /** Path of the shop on its domain, ending in a slash. */
    public function path(): string
    {
        return $this->row['physical_uri'] . $this->row['virtual_uri'];
    }

    public function home(?bool $https = null): string
    {
        $https = $https ?? ($this->setting('PS_SSL_ENABLED') === '1' || self::isHttps());
        $domain = $https ? $this->row['domain_ssl'] : $this->row['domain'];

        return ($https ? 'https://' : 'http://') . $domain . $this->path();
    }

    /** Given a page's name, an id and a slug, return its address in the form that the settings ask for. */
    public function link(string $page, int $id = 0, string $slug = ''): string
    {
        if ($this->setting('PS_REWRITING_SETTINGS') !== '1') {
            $query = ['controller' => $page] + ($id ? ['id_' . $page => $id] : []);

            return $this->home() . 'index.php?' . http_build_query($query);
        }
        $paths = [
            'product' => $id . '-' . $slug . '.html',
            'category' => $id . '-' . $slug,
            'cms' => 'content/' . $id . '-' . $slug,
            'contact' => 'contact-us',
        ];

        return $this->home() . ($paths[$page] ?? $page);
    }

    public function picture(int $id, string $size, string $slug): string
    {
        if ($this->setting('PS_REWRITING_SETTINGS') === '1') {
            return $this->home() . $id . '-' . $size . '/' . $slug . '.jpg';
        }

        return $this->home() . 'img/p/' . implode('/', str_split((string) $id)) . '/' . $id . '-' . $size . '.jpg';
    }

    private function configure(Database $db): self
    {
        $rows = $db->rows('SELECT name, value FROM {configuration} WHERE id_shop IS NULL OR id_shop = ?', [$this->id()]);
        $this->configuration = array_column($rows, 'value', 'name');

        return $this;
    }
}
