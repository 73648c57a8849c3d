<?php
/**
 * Hooks of Shoplaunch: the events of WHMCS that it handles, and the guard of a service's pages.
 *
 * WHMCS loads this file on every page. So it only registers closures and looks at the request; classes, settings and
 * database are loaded only for an event that it handles, and no failure of the addon ever reaches WHMCS.
 */

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/autoload.php';

(static function () {
    $handler = static function (string $class, string $method): callable {
        return static function (...$arguments) use ($class, $method) {
            try {
                return call_user_func_array(['WHMCS\\Module\\Addon\\Shoplaunch\\' . $class, $method], $arguments);
            } catch (\Throwable $failure) {
                \WHMCS\Module\Addon\Shoplaunch\Log::failure($method, $failure);
                return null;
            }
        };
    };

    foreach (['PreModuleCreate', 'AfterModuleCreate', 'AfterModuleCreateFailed', 'AfterModuleTerminate'] as $point) {
        add_hook($point, 1, $handler('Orders', lcfirst($point)));
    }
    add_hook('AcceptOrder', 1, $handler('Orders', 'acceptOrder'));
    add_hook('EmailPreSend', 1, $handler('WelcomeMail', 'emailPreSend'));
    add_hook('EmailTplMergeFields', 1, $handler('MailTemplates', 'mergeFields'));
    add_hook('AfterCronJob', 1, $handler('Cron', 'run'));

    add_hook('ClientAreaProductDetails', 1, $handler('Guard', 'productDetails'));
    add_hook('ClientAreaPageProductDetails', 1, $handler('Guard', 'blankPage'));
    add_hook('ClientAreaProductDetailsPreModuleTemplate', 1, $handler('Guard', 'blankModule'));
    add_hook('ClientAreaProductDetailsOutput', 1, $handler('Guard', 'noticeForStaff'));
    add_hook('ClientAreaHomepagePanels', 1, $handler('Menus', 'homePanels'));
    $sidebar = $handler('Menus', 'sidebar');
    foreach (['ClientAreaPrimarySidebar', 'ClientAreaSecondarySidebar'] as $point) {
        add_hook($point, 1, static function ($menu) use ($sidebar) {
            // On most pages this group is absent, and then nothing of the addon is even loaded
            if (is_object($menu) && $menu->getChild('Service Details Actions') !== null) {
                $sidebar($menu);
            }
        });
    }

    // The details page, single sign-on and custom module actions are all this one action, by GET or POST. No hook can
    // stop single sign-on; this file is loaded before any of them runs.
    if (!defined('ADMINAREA') && (isset($_GET['action']) || isset($_POST['action']))) {
        $handler('Guard', 'request')($_GET, $_POST);
    }
})();
