<?php
/** Our row per service: the state of its account and order, and whether its client has been let in. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Services
{
    public const PER_PAGE = 25;

    /** A creation that has not ended after this time was abandoned without a report. */
    private const CREATING_SECONDS = 900;

    /** What WHMCS shows for this time, and no hook has noted, no hook will note. */
    private const UNNOTED_SECONDS = 900;

    /** Return the row of a service, null when it has none. */
    public static function find(int $serviceId): ?\stdClass
    {
        return Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)->first();
    }

    /** Make sure that a service of `tblhosting` has a row. */
    public static function ensure(\stdClass $hosting): void
    {
        if (self::find((int) $hosting->id) !== null) {
            return;
        }
        Capsule::table(Schema::SERVICES)->insertOrIgnore([
            'service_id' => (int) $hosting->id,
            'order_id' => (int) $hosting->orderid,
            'client_id' => (int) $hosting->userid,
            'product_id' => (int) $hosting->packageid,
            'changed_at' => time(),
        ]);
    }

    /**
     * Set `$values` unless the column `$name` is `$value` already; return whether this call has set it.
     *
     * @param array<string, mixed> $values
     */
    public static function changeUnless(int $serviceId, string $name, $value, array $values): bool
    {
        $values['changed_at'] = time();
        return Capsule::table(Schema::SERVICES)
            ->where('service_id', $serviceId)->where($name, '!=', $value)->update($values) > 0;
    }

    /** Return whether the client of this row has to stay out: there is an account, and no proved shop in it yet. */
    public static function isHeldBack(?\stdClass $row): bool
    {
        if ($row === null || (int) $row->ready_at > 0) {
            return false;
        }
        return $row->account === 'created'
            || (in_array($row->account, ['creating', 'expected'], true) && !self::isAbandoned($row));
    }

    /**
     * Return rows of creations that began long ago and have not ended, the oldest first.
     *
     * @return \stdClass[]
     */
    public static function abandoned(): array
    {
        $found = [];
        $rows = Capsule::table(Schema::SERVICES)->where('account', 'creating')
            ->where('changed_at', '<=', time() - self::CREATING_SECONDS)->orderBy('changed_at')->limit(50)->get();
        foreach ($rows as $row) {
            $found[] = $row;
        }
        return $found;
    }

    /**
     * Return rows of accounts that WHMCS has terminated, which its hook has not noted.
     *
     * @return \stdClass[]
     */
    public static function endedUnnoted(): array
    {
        $rows = self::unnoted()->join('tblhosting', 'tblhosting.id', '=', Schema::SERVICES . '.service_id')
            ->where('tblhosting.domainstatus', 'Terminated');
        return self::listed($rows);
    }

    /**
     * Return rows of shops still to be made whose order WHMCS has accepted, which its hook has not noted.
     *
     * @return \stdClass[]
     */
    public static function acceptedUnnoted(): array
    {
        $rows = self::unnoted()->join('tblorders', 'tblorders.id', '=', Schema::SERVICES . '.order_id')
            ->where('tblorders.status', 'Active')
            ->where(Schema::SERVICES . '.accepted', 0)->where(Schema::SERVICES . '.ready_at', 0);
        return self::listed($rows);
    }

    private static function unnoted()
    {
        return Capsule::table(Schema::SERVICES)->where(Schema::SERVICES . '.account', 'created')
            ->where(Schema::SERVICES . '.changed_at', '<=', time() - self::UNNOTED_SECONDS);
    }

    /** @return \stdClass[] */
    private static function listed($rows): array
    {
        $found = [];
        foreach ($rows->orderBy(Schema::SERVICES . '.changed_at')->limit(50)->select(Schema::SERVICES . '.*')->get() as $row) {
            $found[] = $row;
        }
        return $found;
    }

    private static function isAbandoned(\stdClass $row): bool
    {
        return (int) $row->changed_at <= time() - self::CREATING_SECONDS;
    }

    /**
     * Return one page of rows, the last change first; pages count from 1.
     *
     * @return \stdClass[]
     */
    public static function page(int $number): array
    {
        $rows = Capsule::table(Schema::SERVICES)->orderBy('changed_at', 'desc')->orderBy('service_id', 'desc')
            ->offset(($number - 1) * self::PER_PAGE)->limit(self::PER_PAGE)->get();
        $found = [];
        foreach ($rows as $row) {
            $found[] = $row;
        }
        return $found;
    }

    /** Return the service's domain, with the shop's folder: as the controller spells them, or WHMCS before that. */
    public static function domain(\stdClass $row, array $document): string
    {
        if (is_string($document['domain'] ?? null) && $document['domain'] !== '') {
            $folder = is_string($document['folder'] ?? null) ? $document['folder'] : '';
            return $document['domain'] . ($folder === '' ? '' : '/' . $folder);
        }
        $hosting = Capsule::table('tblhosting')->where('id', $row->service_id)->first();
        return $hosting === null ? '' : (string) $hosting->domain;
    }

    /** Let the client in; return whether the service was closed before. */
    public static function letIn(int $serviceId): bool
    {
        return Capsule::table(Schema::SERVICES)
            ->where('service_id', $serviceId)->where('ready_at', 0)->update(['ready_at' => time()]) > 0;
    }
}
