<?php
/** Starts WHMCS as a page does: functions, database, then the hooks of every active addon. */

declare(strict_types=1);

namespace Double;

use WHMCS\Database\Capsule;

error_reporting(E_ALL);
ini_set('display_errors', '1');
// A notice of the addon's is a failure
set_error_handler(static function (int $level, string $text, string $file, int $line) {
    throw new \ErrorException($text, 0, $level, $file, $line);
});

foreach (['capsule', 'schema', 'functions', 'people', 'smarty', 'mails', 'module'] as $part) {
    require_once __DIR__ . "/$part.php";
}

/** Return what the harness says about this installation. */
function settings(): array
{
    static $settings = null;
    return $settings = $settings ?? json_decode((string) getenv('WHMCS_DOUBLE'), true);
}

/** Be a page of this session; `$area` is client or admin. */
function boot(array $session, string $area): void
{
    define('WHMCS', true);
    if ($area === 'admin') {
        define('ADMINAREA', true);
    }
    $GLOBALS['_SESSION'] = $session;
    Capsule::connect(settings()['dsn'], settings()['user'], settings()['password']);
    if (is_active()) {
        require_once settings()['addon'] . '/hooks.php';
    }
}

/** Tell whether the addon is active. */
function is_active(): bool
{
    $sql = "SELECT COUNT(*) AS number FROM tbladdonmodules WHERE module = 'shoplaunch' AND setting = 'version'";
    return (int) Capsule::pdo()->query($sql)->fetch()->number > 0;
}

/** Return what an addon's functions are given: its settings and the words of a language. */
function addon_vars(string $language): array
{
    $vars = ['modulelink' => 'addonmodules.php?module=shoplaunch', '_lang' => words($language)];
    foreach (Capsule::pdo()->query("SELECT setting, value FROM tbladdonmodules WHERE module = 'shoplaunch'") as $row) {
        $vars[$row->setting] = $row->value;
    }
    return $vars;
}

function words(string $language): array
{
    $file = settings()['addon'] . "/lang/$language.php";
    $_ADDONLANG = [];
    require is_file($file) ? $file : settings()['addon'] . '/lang/english.php';
    return $_ADDONLANG;
}
