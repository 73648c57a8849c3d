<?php // Answers a visitor: finds shop and page, redirects strangers, shows errors as pages.

declare(strict_types=1);

namespace SampleShop;

final class Front
{
    private const PAGES = [
        'index' => Front\HomeController::class,
        'product' => Front\ProductController::class,
        'category' => Front\CategoryController::class,
        'search' => Front\SearchController::class,
        'cart' => Front\CartController::class,
        'contact' => Front\ContactController::class,
        'cms' => Front\CmsController::class,
        'document' => Front\DocumentController::class,
    ];
    private const ROUTES = [
        '#^(?:[a-z0-9-]+/)?(?<id>\d+)-[^/]+\.html$#' => 'product',
        '#^(?<id>\d+)-[^/]+$#' => 'category',
        '#^content/(?<id>\d+)-[^/]+$#' => 'cms',
        '#^contact-us$#' => 'contact',
        '#^(?<page>search|cart)$#' => '',
        '#^(?:index\.php)?$#' => 'index',
    ];

    public static function run(): void
    {
        try {
            $parameters = Parameters::load();
            Context::refuseMalformedKeys($parameters);
            self::answer($parameters, Database::fromParameters($parameters));
        } catch (\Throwable $error) {
            error_log((string) $error);
            http_response_code(500);
            echo '<!doctype html><title>Error</title><h1>The shop cannot answer</h1>';
        }
    }

    private static function answer(Parameters $parameters, Database $db): void
    {
        $shop = Shop::byHost($db, (string) ($_SERVER['HTTP_HOST'] ?? ''));
        if ($shop === null || ($shop->setting('PS_SSL_ENABLED') === '1' && !Shop::isHttps())) {
            self::redirectHome($shop ?? Shop::main($db));

            return;
        }
        $cookie = new SignedCookie('sample_front', $shop->path(), (string) $parameters->get('cookie_key'));
        $context = new Context($parameters, $db, $shop, $cookie);
        if (isset($_GET['id_lang'])) {
            $cookie->set(['id_lang' => $context->language->id()]);
        }
        $allowed = explode(',', $shop->setting('PS_MAINTENANCE_IP'));
        if ($shop->setting('PS_SHOP_ENABLE') !== '1' && !in_array($_SERVER['REMOTE_ADDR'] ?? '', $allowed, true)) {
            http_response_code(503);
            header('Retry-After: 3600');
            (new View($context))->show('maintenance', ['title' => $context->language->say('We are back soon')]);

            return;
        }
        Visit::record($context);
        [$class, $id] = self::route($shop);
        $class ? (new $class($context))->show($id) : (new Front\NotFoundController($context))->show(0);
    }

    private static function redirectHome(Shop $shop): void
    {
        $path = ltrim((string) ($_SERVER['REQUEST_URI'] ?? ''), '/');
        $base = ltrim($shop->path(), '/');
        $path = $base !== '' && strpos($path, $base) === 0 ? substr($path, strlen($base)) : $path;
        $https = $shop->setting('PS_SSL_ENABLED') === '1' ? true : null;
        header('Cache-Control: no-cache');
        header('Location: ' . $shop->home($https) . $path, true, $shop->setting('PS_CANONICAL_REDIRECT') === '2' ? 301 : 302);
    }

    /** @return array{0: ?string, 1: int} the controller's class and the id that the address names */
    private static function route(Shop $shop): array
    {
        $path = rawurldecode((string) parse_url((string) $_SERVER['REQUEST_URI'], PHP_URL_PATH));
        $path = (string) preg_replace('#^' . preg_quote($shop->path(), '#') . '#', '', $path);
        foreach (self::ROUTES as $pattern => $page) {
            if (!preg_match($pattern, $path, $match)) {
                continue;
            }
            $page = $page ?: $match['page'];
            if ($page === 'index' && is_string($_GET['controller'] ?? null)) {
                $page = $_GET['controller'];
            }
            $id = $match['id'] ?? (is_scalar($_GET['id_' . $page] ?? null) ? $_GET['id_' . $page] : 0);

            return [self::PAGES[$page] ?? null, (int) $id];
        }

        return [null, 0];
    }
}
