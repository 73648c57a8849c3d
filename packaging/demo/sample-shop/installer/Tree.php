<?php // Builds the document root: the application's files and those that name domain, path and database.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Tree
{
    private const SOURCE = __DIR__ . '/../public_html';

    /** @var Options */
    private $options;
    /** @var string */
    private $root;

    public function __construct(Options $options)
    {
        $this->options = $options;
        $this->root = $options->docroot;
    }

    public function build(array $secrets): void
    {
        if (is_file($this->root . '/index.php') && !$this->options->force) {
            throw new \InvalidArgumentException('the document root holds a shop already; --force replaces it');
        }
        $this->copy(self::SOURCE, $this->root);
        $this->write('app/config/parameters.php', $this->parameters($secrets));
        foreach (['htaccess.txt' => '.htaccess', 'robots.txt' => 'robots.txt', 'paths.php.txt' => 'modules/sampleexport/paths.php',
            'order_conf.html' => 'mails/en/order_conf.html', 'order_conf.fa.html' => 'mails/fa/order_conf.html',
            'new_order.html' => 'modules/ps_emailalerts/mails/en/new_order.html'] as $from => $to) {
            $this->write($to, $this->filled(file_get_contents(__DIR__ . '/files/' . $from)));
        }
        $this->write('upload/' . $this->options->domain . '-catalogue.csv', "reference;stock\nSM-101;7\n");
        $this->leftovers();
        $this->links();
    }

    private function copy(string $from, string $to): void
    {
        if (!is_dir($to) && !mkdir($to, 0755, true)) {
            throw new \InvalidArgumentException('cannot make ' . $to);
        }
        foreach (array_diff(scandir($from), ['.', '..']) as $name) {
            if (is_dir($from . '/' . $name)) {
                $this->copy($from . '/' . $name, $to . '/' . $name);
            } else {
                copy($from . '/' . $name, $to . '/' . $name);
            }
        }
    }

    /** Every value with its percent signs doubled, as the application wants them. */
    private function parameters(array $secrets): string
    {
        $to = $this->options->database;
        $values = [
            'database_host' => $to['host'], 'database_port' => $to['port'], 'database_name' => $to['name'],
            'database_user' => $to['user'], 'database_password' => $to['password'], 'database_prefix' => $this->options->prefix,
            'database_engine' => 'InnoDB', 'mailer_transport' => 'smtp', 'mailer_host' => '127.0.0.1', 'mailer_user' => null,
            'mailer_password' => null, 'secret' => $secrets['secret'], 'ps_caching' => 'CacheMemcache', 'ps_cache_enable' => false,
            'ps_creation_date' => '2025-03-01', 'locale' => 'en-US', 'use_debug_toolbar' => true,
            'cookie_key' => $secrets['cookie_key'], 'cookie_iv' => $secrets['cookie_iv'],
            'new_cookie_key' => $secrets['new_cookie_key'], 'api_public_key' => $secrets['api_public_key'],
            'api_private_key' => $secrets['api_private_key'],
        ];
        foreach ($values as $name => $value) {
            $values[$name] = is_string($value) ? str_replace('%', '%%', $value) : $value;
        }

        return '<?php return ' . var_export(['parameters' => $values], true) . ";\n";
    }

    private function filled(string $text): string
    {
        $rules = '';
        for ($digits = 1; $digits <= 5; ++$digits) {
            $folders = '$' . implode('/$', range(2, $digits + 1)) . '/';
            $rules .= 'RewriteCond %{HTTP_HOST} ^' . $this->options->domain . "$\n"
                . 'RewriteRule ^(' . str_repeat('([\d])', $digits)
                . '(?:\-[\w-]*)?)/.+(\.(?:jpe?g|webp|png|avif))$ %{ENV:REWRITEBASE}img/p/'
                . $folders . '$1$' . ($digits + 2) . " [L]\n";
        }

        return strtr($text, [
            '{{domain}}' => $this->options->domain, '{{uri}}' => $this->options->physicalUri,
            '{{root}}' => addcslashes($this->root, "\\'"), '{{picture_rules}}' => $rules,
        ]);
    }

    /** What a used shop has lying about, and no template may carry. */
    private function leftovers(): void
    {
        $home = 'http://' . $this->options->domain . $this->options->physicalUri;
        $this->write('var/.htaccess', "# Nothing here is for browsers.\nRequire all denied\n");
        $this->write('var/cache/prod/ps_mainmenu/menu-1.json', json_encode(['children' => [['url' => $home . '3-table']]]));
        $this->write('var/cache/dev/leftover.php', "<?php return '" . addcslashes($this->root, "\\'") . "';\n");
        $this->write('var/logs/prod.log', '[2025-03-01 10:00:00] request.ERROR: no route for ' . $home . "old\n");
        $this->write('var/sessions/prod/sess_0123456789abcdef', 'employee|i:1;');
        $this->write('cache/cachefs/1/query', serialize(['domain' => $this->options->domain]));
        $this->write('themes/classic/assets/cache/theme-1f2e3d.css', '/* bundled for ' . $home . " */\n");
        if ($this->options->withInstallFolder) {
            $this->write('install/index.php', "<?php // Left over from an installation; it blocks the back office's login.\n");
        }
    }

    private function links(): void
    {
        $links = [
            'themes/classic/assets/img' => '../../../img',
            'admin742sample/bundles/sampleassets' => $this->root . '/themes/classic/assets',
        ];
        foreach ($links as $name => $target) {
            $path = $this->root . '/' . $name;
            if (is_link($path)) {
                unlink($path);
            }
            if (!is_dir(dirname($path))) {
                mkdir(dirname($path), 0755, true);
            }
            symlink($target, $path);
        }
    }

    private function write(string $name, string $content): void
    {
        $path = $this->root . '/' . $name;
        if (!is_dir(dirname($path))) {
            mkdir(dirname($path), 0755, true);
        }
        file_put_contents($path, $content);
    }
}
