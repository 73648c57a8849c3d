<?php // Constants that every page needs: version and directories.

if (!defined('_PS_MODE_DEV_')) {
    define('_PS_MODE_DEV_', false);
}
define('_PS_VERSION_', '8.2.1');
define('_PS_ROOT_DIR_', dirname(__DIR__));
define('_PS_CACHE_DIR_', _PS_ROOT_DIR_ . '/var/cache/' . (_PS_MODE_DEV_ ? 'dev' : 'prod') . '/');
