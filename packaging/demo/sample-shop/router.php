<?php // Lets `php -S HOST:PORT -t DOCROOT router.php` obey the shop's .htaccess, as Apache would.

declare(strict_types=1);

$root = $_SERVER['DOCUMENT_ROOT'];
$path = rawurldecode((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
if (preg_match('#^/(app|var|classes|config|controllers|download|upload)/|/\.ht#', $path)) {
    http_response_code(403);
    exit;
}
$base = '/';
$wanted = true;
foreach (file($root . '/.htaccess') as $line) {
    if (preg_match('/E=REWRITEBASE:(\S+?)\]/', $line, $match)) {
        $base = $match[1];
    } elseif (preg_match('/^RewriteCond %\{HTTP_HOST\} (\S+)/', $line, $match)) {
        $wanted = (bool) preg_match('#' . $match[1] . '#', $_SERVER['HTTP_HOST'] ?? '');
    } elseif ($wanted && preg_match('/^RewriteRule (\S+) %\{ENV:REWRITEBASE\}(img\S+)/', $line, $match)) {
        $picture = preg_replace('#' . $match[1] . '#', $base . $match[2], substr($path, strlen($base)), 1, $count);
        if ($count && is_file($root . $picture)) {
            header('Content-Type: image/jpeg');
            readfile($root . $picture);
            exit;
        }
    }
}
$file = $root . $path;
// What follows on a script's name is the script's to read
$script = (string) preg_replace('#\.php/.*$#', '.php', $file);
if (is_file($script) || is_file(rtrim($file, '/') . '/index.php')) {
    return false;
}
$_SERVER['SCRIPT_NAME'] = $base . 'index.php';
require $root . $base . 'index.php';
