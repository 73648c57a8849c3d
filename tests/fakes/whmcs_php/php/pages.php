<?php
/** What WHMCS makes of a page once its hooks are loaded. */

declare(strict_types=1);

namespace Double;

use WHMCS\View\Menu\Item;

final class Pages
{
    /** The addon's page in the client area. */
    public static function addon(): void
    {
        require_once settings()['addon'] . '/shoplaunch.php';
        $page = shoplaunch_clientarea(addon_vars(self::language()));
        $keys = ['pagetitle', 'breadcrumb', 'templatefile', 'requirelogin', 'forcessl', 'vars'];
        if (array_keys($page) !== $keys) {
            throw new \LogicException('a page has ' . implode(', ', $keys));
        }
        if ($page['requirelogin'] && !isset($_SESSION['uid'])) {
            self::show('Login', '<p>please log in</p>');
            return;
        }
        $file = settings()['addon'] . '/' . $page['templatefile'] . '.tpl';
        self::show($page['pagetitle'], Smarty::render($file, $page['vars']));
    }

    /** The addon's page in the administration. */
    public static function admin(): void
    {
        if (!isset($_SESSION['adminid'])) {
            http_response_code(403);
            return;
        }
        require_once settings()['addon'] . '/shoplaunch.php';
        ob_start();
        shoplaunch_output(addon_vars(self::language()));
        self::show('Shoplaunch', (string) ob_get_clean());
    }

    /** A page of the client area by its action. */
    public static function client(string $action, int $id): void
    {
        if (!isset($_SESSION['uid'])) {
            self::show('Login', '<p>please log in</p>');
            return;
        }
        if ($action === 'productdetails') {
            self::details($id);
            return;
        }
        if ($action === '') {
            self::home();
            return;
        }
        $names = [];
        \Menu::$service = $action === 'cancel' ? row('tblhosting', $id) : null;
        foreach (['ClientAreaPrimarySidebar', 'ClientAreaSecondarySidebar'] as $point) {
            $menu = new Item($point);
            $menu->addChild('Client Details');
            if (\Menu::$service !== null) {
                $menu->addChild('Service Details Actions')->addChild('Login to cPanel');
            }
            run_hook($point, $menu);
            array_push($names, ...$menu->names());
        }
        self::show($action, '<p>page ' . htmlspecialchars($action) . '</p><pre>' . implode("\n", $names) . '</pre>');
    }

    private static function details(int $id): void
    {
        $service = row('tblhosting', $id);
        if ($service === null || (int) $service->userid !== (int) $_SESSION['uid']) {
            http_response_code(404);
            return;
        }
        if (isset($_REQUEST['dosinglesignon'])) {
            header('Location: https://web1.example.net:2083/cpsess0/login');
            return;
        }
        if (($_REQUEST['modop'] ?? '') === 'custom') {
            self::show('custom', '<p>custom action of ' . htmlspecialchars($service->username) . '</p>');
            return;
        }
        \Menu::$service = $service;
        run_hook('ClientAreaProductDetails', ['service' => $service]);
        $vars = ['id' => $id, 'action' => 'productdetails', 'filename' => 'clientarea', 'username' => $service->username,
            'password' => 'CLIENT-PASSWORD', 'domain' => $service->domain, 'moduleclientarea' => 'MODULE-OUTPUT'];
        foreach (run_hook('ClientAreaPageProductDetails', $vars) as $more) {
            $vars = $more + $vars;
        }
        $module = ['serviceid' => $id, 'username' => $service->username, 'password' => 'CLIENT-PASSWORD'];
        foreach (run_hook('ClientAreaProductDetailsPreModuleTemplate', $module) as $more) {
            $module = $more + $module;
        }
        $output = implode('', run_hook('ClientAreaProductDetailsOutput', ['service' => $service]));
        $menu = new Item('Primary Sidebar');
        $menu->addChild('Service Details Actions')->addChild('Login to cPanel');
        $menu->addChild('Service Details Overview');
        run_hook('ClientAreaPrimarySidebar', $menu);
        $shown = [$vars['username'], $vars['password'], $vars['moduleclientarea'], $module['username'],
            $module['password'], ...$menu->names()];
        self::show('Product details', $output . '<pre>' . htmlspecialchars(implode("\n", $shown)) . '</pre>');
    }

    private static function home(): void
    {
        $panels = new Item('Home');
        $panels->addChild('Recent Invoices');
        $panel = $panels->addChild('Active Products/Services');
        if (($_SERVER['HTTP_X_PANEL'] ?? '') !== 'opaque') {
            $rows = \WHMCS\Database\Capsule::pdo()->query('SELECT id FROM tblhosting WHERE userid = ' . (int) $_SESSION['uid']);
            foreach ($rows as $row) {
                $panel->addChild("service$row->id", ['uri' => "clientarea.php?action=productdetails&id=$row->id"]);
            }
        }
        run_hook('ClientAreaHomepagePanels', $panels);
        self::show('Home', '<pre>' . implode("\n", $panels->names()) . '</pre>');
    }

    /** Print a page in a frame like a theme's. */
    public static function show(string $title, string $content): void
    {
        header('Content-Type: text/html; charset=utf-8');
        $rtl = self::language() === 'farsi';
        echo '<!doctype html><html lang="' . ($rtl ? 'fa' : 'en') . '" dir="' . ($rtl ? 'rtl' : 'ltr') . '"><head>'
            . '<meta name="viewport" content="width=device-width, initial-scale=1"><title>' . htmlspecialchars($title)
            . '</title><style>body{font:16px system-ui,sans-serif;margin:0;padding:1rem;background:#f4f5f7}'
            . '.label{padding:.1em .6em;border-radius:4px;color:#fff;background:#777;font-size:.8em}.label-success{background:#3a8a4d}'
            . '.label-danger{background:#b3341f}.label-info{background:#2f7fa8}.alert{padding:.7rem 1rem;margin-bottom:1rem;'
            . 'background:#fff3cd;border-radius:4px}.alert-success{background:#dff0d8}.alert-danger{background:#f6d9d5}'
            . '.btn{padding:.25rem .6rem}table{background:#fff}</style></head><body>' . $content . '</body></html>';
    }

    private static function language(): string
    {
        return is_string($_SESSION['Language'] ?? null) ? $_SESSION['Language'] : 'english';
    }
}
