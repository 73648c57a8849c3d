<?php // Entry of the back office; its folder's name is known only to the shopkeeper.

declare(strict_types=1);

define('_PS_ADMIN_DIR_', __DIR__);
require dirname(__DIR__) . '/config/config.inc.php';

SampleShop\BackOffice::run();
