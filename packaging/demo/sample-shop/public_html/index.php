<?php // Front controller: every page of the shop that is not a file starts here.

declare(strict_types=1);

require __DIR__ . '/config/config.inc.php';

SampleShop\Front::run();
