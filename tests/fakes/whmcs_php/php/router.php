<?php
/** Pages of WHMCS for `php -S`: the client area, the account's doors, the addon's pages. A cookie says who looks. */

declare(strict_types=1);

use Double\World;
use WHMCS\Database\Capsule;
use WHMCS\View\Menu\Item;

require __DIR__ . '/boot.php';
require __DIR__ . '/pages.php';

$session = json_decode(base64_decode($_COOKIE['double'] ?? ''), true) ?: [];
$place = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($place === '/login-as') {
    setcookie('double', base64_encode((string) $_GET['session']), 0, '/');
    header('Location: ' . $_GET['next']);
    return;
}
if ($place === '/favicon.ico') {
    http_response_code(204);
    return;
}
$admin = strncmp($place, '/admin/', 7) === 0;
// WHMCS makes a page whole before it sends it
ob_start();
World::$request = (string) ($_SERVER['HTTP_X_COUNT'] ?? '');
Double\boot($session, $admin ? 'admin' : 'client');
if ($admin && $place === '/admin/addonmodules.php') {
    Double\Pages::admin();
} elseif ($place === '/index.php' && ($_GET['m'] ?? '') === 'shoplaunch') {
    Double\Pages::addon();
} elseif ($place === '/clientarea.php') {
    Double\Pages::client((string) ($_REQUEST['action'] ?? ''), (int) ($_REQUEST['id'] ?? 0));
} elseif (preg_match('#^/clientarea/service/(\d+)$#', $place, $parts)) {
    Double\Pages::client('productdetails', (int) $parts[1]);
} elseif ($place === '/index.php') {
    Double\Pages::show('Portal', '<p>portal home</p>');
} else {
    http_response_code(404);
}
