<?php // Bootstrap shared by shop and back office: constants, class loading, error log.

require_once __DIR__ . '/defines.inc.php';

ini_set('display_errors', _PS_MODE_DEV_ || PHP_SAPI === 'cli' ? '1' : '0');
ini_set('log_errors', '1');
if (PHP_SAPI !== 'cli' && is_writable(_PS_ROOT_DIR_ . '/var/logs')) {
    ini_set('error_log', _PS_ROOT_DIR_ . '/var/logs/prod.log');
}
date_default_timezone_set('UTC');

spl_autoload_register(static function (string $class): void {
    $prefixes = [
        'SampleShop\\Front\\' => '/controllers/front/',
        'SampleShop\\Admin\\' => '/controllers/admin/',
        'SampleShop\\' => '/classes/',
    ];
    foreach ($prefixes as $prefix => $folder) {
        $file = _PS_ROOT_DIR_ . $folder . substr($class, strlen($prefix)) . '.php';
        if (strpos($class, $prefix) === 0 && is_file($file)) {
            require $file;
            return;
        }
    }
});
