<?php
/** What WHMCS does with a service's server module: parameters, and the hooks around create and terminate. */

declare(strict_types=1);

namespace Double;

use WHMCS\Database\Capsule;

/** Return one row of a table of WHMCS. */
function row(string $table, int $id): ?\stdClass
{
    return Capsule::pdo()->query("SELECT * FROM `$table` WHERE id = $id")->fetch() ?: null;
}

/** Return a service's configurable options as modules are given them: of `name|Label` the name. */
function config_options(int $serviceId): array
{
    $found = [];
    foreach (Capsule::pdo()->query("SELECT * FROM tblhostingconfigoptions WHERE relid = $serviceId") as $chosen) {
        $option = row('tblproductconfigoptions', (int) $chosen->configid);
        $value = row('tblproductconfigoptionssub', (int) $chosen->optionid);
        $found[explode('|', $option->optionname)[0]] = explode('|', $value->optionname)[0];
    }
    return $found;
}

/** Return a service's custom fields as modules are given them: of `name|Label` the name. */
function custom_fields(int $serviceId, int $productId): array
{
    $found = [];
    foreach (Capsule::pdo()->query("SELECT * FROM tblcustomfields WHERE type = 'product' AND relid = $productId") as $field) {
        $sql = "SELECT value FROM tblcustomfieldsvalues WHERE fieldid = $field->id AND relid = $serviceId";
        $found[explode('|', $field->fieldname)[0]] = (string) Capsule::pdo()->query($sql)->fetchColumn();
    }
    return $found;
}

/** Return the parameters of a module function, secrets included. */
function params(int $serviceId, array $changes): array
{
    $service = row('tblhosting', $serviceId);
    $product = row('tblproducts', (int) $service->packageid);
    $server = row('tblservers', (int) $service->server);
    $client = row('tblclients', (int) $service->userid);
    return $changes + [
        'serviceid' => $serviceId, 'userid' => (int) $service->userid, 'pid' => (int) $service->packageid,
        'serverid' => (int) $service->server, 'domain' => $service->domain, 'username' => $service->username,
        'password' => 'CLIENT-PASSWORD', 'producttype' => $product->type, 'moduletype' => $product->servertype,
        'configoption1' => $product->configoption1, 'clientsdetails' => (array) $client,
        'customfields' => custom_fields($serviceId, (int) $service->packageid),
        'configoptions' => config_options($serviceId), 'server' => true, 'serverip' => '192.0.2.1',
        'serverhostname' => $server === null ? '' : $server->hostname,
        'serverusername' => $server === null ? '' : $server->username,
        'serverpassword' => $server === null ? '' : $server->password,
        'serveraccesshash' => $server === null ? '' : $server->accesshash, 'serversecure' => true, 'serverport' => '2087',
    ];
}

/**
 * Create a service's account. `$order` is what WHMCS does after it, in this order: active (status), mail (welcome
 * mail), hook (AfterModuleCreate); the documentation leaves that open.
 */
function create(int $serviceId, array $changes, array $order, string $failure): string
{
    $params = params($serviceId, $changes);
    foreach (run_hook('PreModuleCreate', ['params' => $params]) as $answer) {
        if (($answer['abortcmd'] ?? false) === true) {
            return 'aborted';
        }
    }
    if ($failure !== '') {
        run_hook('AfterModuleCreateFailed', ['params' => $params, 'failureResponseMessage' => $failure]);
        return 'failed';
    }
    foreach ($order as $act) {
        if ($act === 'active') {
            Capsule::pdo()->exec("UPDATE tblhosting SET domainstatus = 'Active' WHERE id = $serviceId");
        } elseif ($act === 'mail') {
            welcome((int) $params['pid'], $serviceId);
        } else {
            run_hook('AfterModuleCreate', ['params' => $params]);
        }
    }
    return 'created';
}

/** Send the product's welcome mail, if it has one. */
function welcome(int $productId, int $serviceId): void
{
    $template = row('tblemailtemplates', (int) row('tblproducts', $productId)->welcomeemail);
    if ($template !== null) {
        Mails::send($template->name, $serviceId, []);
    }
}

/** Accept an order: the hook comes before anything the acceptance does. */
function accept(int $orderId): string
{
    if (row('tblorders', $orderId)->status !== 'Pending') {
        return 'Order ID not found or Status not Pending';
    }
    run_hook('AcceptOrder', ['orderid' => $orderId]);
    Capsule::pdo()->exec("UPDATE tblorders SET status = 'Active' WHERE id = $orderId");
    return 'success';
}

function terminate(int $serviceId, array $changes): string
{
    run_hook('AfterModuleTerminate', ['params' => params($serviceId, $changes)]);
    Capsule::pdo()->exec("UPDATE tblhosting SET domainstatus = 'Terminated' WHERE id = $serviceId");
    return 'terminated';
}
