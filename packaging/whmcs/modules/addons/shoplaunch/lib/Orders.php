<?php
/** Accounts created and removed, orders accepted: joined per service and sent to the controller, each once. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Orders
{
    /** PreModuleCreate: from now on the welcome mail and the client wait, whatever WHMCS does first. */
    public static function preModuleCreate(array $vars): void
    {
        $hosting = self::ours($vars['params'] ?? []);
        if ($hosting === null) {
            return;
        }
        Services::ensure($hosting);
        if ($hosting->domainstatus === 'Terminated') {
            // Unless its end was noted: else the new account would pass for the one that is gone
            self::end((int) $hosting->id);
        }
        $fresh = ['account' => 'creating', 'ready_at' => 0, 'state' => '', 'percent' => 0, 'document' => null];
        Services::changeUnless((int) $hosting->id, 'account', 'created', $fresh);
    }

    /** AfterModuleCreateFailed: there is no account to keep the client out of. */
    public static function afterModuleCreateFailed(array $vars): void
    {
        $hosting = self::ours($vars['params'] ?? []);
        if ($hosting !== null) {
            Services::changeUnless((int) $hosting->id, 'account', 'created', ['account' => '']);
        }
    }

    /** AfterModuleCreate: the account is there. Queues `module_created`, once more only after a refusal. */
    public static function afterModuleCreate(array $vars): void
    {
        $params = $vars['params'] ?? [];
        $hosting = self::ours($params);
        if ($hosting === null) {
            return;
        }
        Services::ensure($hosting);
        $body = self::created($params, $hosting);
        Capsule::connection()->transaction(static function () use ($hosting, $params, $body) {
            $fresh = ['account' => 'created', 'ready_at' => 0, 'state' => '', 'percent' => 0, 'document' => null];
            $serviceId = (int) $hosting->id;
            Params::remember($serviceId, $params);
            if (Services::changeUnless($serviceId, 'account', 'created', $fresh)) {
                Queue::add($serviceId, $body);
            } elseif (self::isRefused($serviceId)) {
                Queue::replaceRefused($serviceId, $body);
            }
        });
        AfterResponse::deliver();
    }

    /** Queue what WHMCS completed and whose hook failed, as with a database that was away at that moment. */
    public static function catchUp(): void
    {
        self::catchUpCreations();
        foreach (Services::endedUnnoted() as $row) {
            self::end((int) $row->service_id);
            Log::activity(sprintf('service %d: its end was not noted at its time, and is now', $row->service_id));
        }
        // Nothing else waits for it
        foreach (Settings::isOn('wait_for_acceptance') ? Services::acceptedUnnoted() : [] as $row) {
            self::accepted((int) $row->service_id, (int) $row->order_id);
            Log::activity(sprintf('service %d: its acceptance was not noted at its time, and is now', $row->service_id));
        }
    }

    private static function catchUpCreations(): void
    {
        foreach (Services::abandoned() as $row) {
            $serviceId = (int) $row->service_id;
            $hosting = self::ours(['serviceid' => $serviceId]);
            if ($hosting !== null && $hosting->domainstatus === 'Active') {
                self::afterModuleCreate(['params' => ['serviceid' => $serviceId] + Params::of($hosting, $row)]);
                Log::activity(sprintf('service %d: its creation was not noted at its time, and is now', $serviceId));
            } else {
                Services::changeUnless($serviceId, 'account', 'created', ['account' => '']);
            }
        }
    }

    /** Queue the order of a service as WHMCS has it now, in place of what was refused; false when it has none. */
    public static function again(int $serviceId): bool
    {
        $row = Services::find($serviceId);
        $hosting = self::ours(['serviceid' => $serviceId]);
        if ($row === null || $row->account !== 'created' || $hosting === null) {
            return false;
        }
        $body = self::created(Params::of($hosting, $row), $hosting);
        Capsule::connection()->transaction(static function () use ($serviceId, $body) {
            Queue::replaceRefused($serviceId, $body);
        });
        return true;
    }

    /** Return whether the controller needs another order of this service: it could make no job of the last one. */
    private static function isRefused(int $serviceId): bool
    {
        $row = Services::find($serviceId);
        return Queue::refusal($serviceId) !== null || ($row !== null && Status::isWithoutJob($row));
    }

    /** AcceptOrder: queues `accepted` for each of the order's services with a shop, once. */
    public static function acceptOrder(array $vars): void
    {
        $orderId = (int) ($vars['orderid'] ?? 0);
        $products = array_keys(Settings::products());
        if ($orderId < 1 || $products === []) {
            return;
        }
        // An upgrade's order has no row here, and a service add-on has its own table
        $rows = Capsule::table('tblhosting')->where('orderid', $orderId)->whereIn('packageid', $products)->get();
        foreach ($rows as $hosting) {
            Services::ensure($hosting);
            self::accepted((int) $hosting->id, (int) $hosting->orderid);
        }
        AfterResponse::deliver();
    }

    private static function accepted(int $serviceId, int $orderId): void
    {
        Capsule::connection()->transaction(static function () use ($serviceId, $orderId) {
            if (Services::changeUnless($serviceId, 'accepted', 1, ['accepted' => 1])) {
                $about = ['service_id' => (string) $serviceId, 'order_id' => (string) $orderId];
                Queue::add($serviceId, ['event' => 'accepted'] + $about + ['at' => time()]);
            }
        });
    }

    /** AfterModuleTerminate: queues `terminated` when the account has a shop. */
    public static function afterModuleTerminate(array $vars): void
    {
        $params = $vars['params'] ?? [];
        $hosting = self::hosting($params);
        if ($hosting === null || self::isOfAnotherAccount($params, $hosting)) {
            return;
        }
        self::end((int) $hosting->id);
        AfterResponse::deliver();
    }

    private static function end(int $serviceId): void
    {
        Capsule::connection()->transaction(static function () use ($serviceId) {
            $gone = ['account' => 'gone', 'held_mail' => ''];
            if (Services::changeUnless($serviceId, 'account', 'gone', $gone)) {
                $event = ['event' => 'terminated', 'service_id' => (string) $serviceId, 'at' => time()];
                Queue::dropRefused($serviceId);
                Queue::add($serviceId, $event);
            }
        });
    }

    /** Return the service's row of `tblhosting` when module parameters are about a product with a shop. */
    private static function ours(array $params): ?\stdClass
    {
        $hosting = self::hosting($params);
        return $hosting !== null && isset(Settings::products()[(int) $hosting->packageid]) ? $hosting : null;
    }

    /** Return the row of `tblhosting` when module parameters are about the service itself, not about an add-on of it. */
    private static function hosting(array $params): ?\stdClass
    {
        $hosting = Capsule::table('tblhosting')->where('id', (int) ($params['serviceid'] ?? 0))->first();
        if ($hosting === null || (int) ($params['addonId'] ?? $params['addonid'] ?? 0) > 0) {
            return null;
        }
        // Not every WHMCS may say `addonId`: an add-on of the service runs a module of its own with the service's id
        $product = Capsule::table('tblproducts')->where('id', (int) $hosting->packageid)->first();
        $module = (string) ($params['moduletype'] ?? '');
        $foreign = $product !== null && $module !== '' && $module !== (string) $product->servertype;
        return $foreign || (int) ($params['pid'] ?? $hosting->packageid) !== (int) $hosting->packageid ? null : $hosting;
    }

    private static function isOfAnotherAccount(array $params, \stdClass $hosting): bool
    {
        $names = [(string) ($params['username'] ?? ''), (string) $hosting->username];
        return !in_array('', $names, true) && strcasecmp(...$names) !== 0;
    }

    /** Return the event `module_created`. No password is in it. */
    private static function created(array $params, \stdClass $hosting): array
    {
        $client = (array) ($params['clientsdetails'] ?? []);
        $server = Capsule::table('tblservers')->where('id', (int) $hosting->server)->first();
        $host = $server !== null ? (string) $server->hostname : (string) ($params['serverhostname'] ?? '');
        $variant = Params::variant((array) ($params['configoptions'] ?? []));
        if ($variant === null) {
            $lacks = 'service %d: none of its configurable options is called "%s"; it is built as the template is';
            Log::activity(sprintf($lacks, $hosting->id, Settings::get('variant_option')), (int) $hosting->userid);
        }
        $folder = Params::folder($params);
        $country = (string) ($client['countrycode'] ?? $client['country'] ?? '');
        return [
            'event' => 'module_created',
            'service_id' => (string) $hosting->id,
            'order_id' => (string) $hosting->orderid,
            'client_id' => (string) $hosting->userid,
            'product_id' => (string) $hosting->packageid,
            'server_host' => $host,
            'bundle' => Settings::products()[(int) $hosting->packageid],
            'variant' => (string) $variant === '' ? null : $variant,
            'domain' => (string) ($params['domain'] ?? $hosting->domain),
            'email' => (string) ($client['email'] ?? ''),
            'account' => (string) ($params['username'] ?? $hosting->username),
            'first_name' => self::plain($client['firstname'] ?? ''),
            'last_name' => self::plain($client['lastname'] ?? ''),
            'language' => Settings::languageCode((string) ($client['language'] ?? '')),
            'country' => preg_match('/^[A-Za-z]{2}$/', $country) ? $country : '',
            'at' => time(),
            'wait_for_acceptance' => Settings::isOn('wait_for_acceptance'),
        ] + ($folder === '' ? [] : ['folder' => $folder]);
    }

    /** WHMCS keeps names as HTML: `O&#039;Brien`. The controller takes at most 255 characters. */
    private static function plain($text): string
    {
        $plain = html_entity_decode((string) $text, ENT_QUOTES | ENT_HTML5, 'UTF-8');
        return (string) preg_replace('/^(.{255}).*$/us', '$1', $plain);
    }
}
