<?php
/** Menus of the client area: removes entries that lead into an account whose shop is not ready. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Authentication\CurrentUser;
use WHMCS\Database\Capsule;

final class Menus
{
    private const ACTIONS = 'Service Details Actions';
    private const PANEL = 'Active Products/Services';

    /** Sidebars: log-in links and the module's custom actions of the service that is looked at. */
    public static function sidebar($menu): void
    {
        if (Guard::isClosed(self::serviceLookedAt())) {
            $menu->removeChild(self::ACTIONS);
        }
    }

    /** ClientAreaHomepagePanels: the held services' rows, or the panel where rows cannot be distinguished. */
    public static function homePanels($panels): void
    {
        $panel = $panels->getChild(self::PANEL);
        if ($panel === null || Guard::isMasquerading()) {
            return;
        }
        foreach (self::heldOf(self::clientId()) as $serviceId) {
            $row = self::rowOf($panel, $serviceId);
            if ($row === null) {
                $panels->removeChild(self::PANEL);
                return;
            }
            $panel->removeChild($row);
        }
    }

    private static function serviceLookedAt(): int
    {
        $service = class_exists('Menu') ? \Menu::context('service') : null;
        if (is_object($service)) {
            return (int) $service->id;
        }
        return isset($_REQUEST['id']) && is_scalar($_REQUEST['id']) ? (int) $_REQUEST['id'] : 0;
    }

    private static function clientId(): int
    {
        $client = class_exists(CurrentUser::class) ? (new CurrentUser())->client() : null;
        return is_object($client) ? (int) $client->id : (int) ($_SESSION['uid'] ?? 0);
    }

    /** @return int[] */
    private static function heldOf(int $clientId): array
    {
        if ($clientId < 1) {
            return [];
        }
        $rows = Capsule::table(Schema::SERVICES)->where('client_id', $clientId)->where('ready_at', 0)->get();
        $held = [];
        foreach ($rows as $row) {
            if (Services::isHeldBack($row)) {
                $held[] = (int) $row->service_id;
            }
        }
        return $held;
    }

    /** Return the name of the panel's row that leads to a service, null when there is none to be seen. */
    private static function rowOf($panel, int $serviceId): ?string
    {
        foreach (is_callable([$panel, 'getChildren']) ? $panel->getChildren() : [] as $row) {
            parse_str((string) parse_url((string) $row->getUri(), PHP_URL_QUERY), $query);
            if (($query['action'] ?? '') === 'productdetails' && ($query['id'] ?? '') === (string) $serviceId) {
                return (string) $row->getName();
            }
        }
        return null;
    }
}
