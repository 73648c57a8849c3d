<?php
/** What WHMCS hands to modules about a service: kept of an order, and read again when it is sent once more. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Params
{
    /** Keep the options that were chosen with an order, as WHMCS hands them over. */
    public static function remember(int $serviceId, array $params): void
    {
        $chosen = Queue::encode((array) ($params['configoptions'] ?? []));
        Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)->update(['configoptions' => $chosen]);
    }

    /** Return the parameters an order needs beside the service's row of `tblhosting`; `$row` is our own. */
    public static function of(\stdClass $hosting, \stdClass $row): array
    {
        $client = Capsule::table('tblclients')->where('id', (int) $hosting->userid)->first();
        return ['clientsdetails' => (array) $client, 'configoptions' => self::options($row)];
    }

    /**
     * Return what was chosen for the variant among `$options` (name => value); '' for the template as it is, null when
     * there are options and none has the name that is set.
     */
    public static function variant(array $options): ?string
    {
        $wanted = Settings::get('variant_option');
        if ($wanted === '' || $options === []) {
            return '';
        }
        foreach ($options as $name => $value) {
            if (trim(html_entity_decode((string) $name, ENT_QUOTES)) === $wanted) {
                return trim((string) $value);
            }
        }
        return null;
    }

    /** Tell whether the service of our `$row` has configurable options, and none that chooses a variant as set. */
    public static function lacksVariant(\stdClass $row): bool
    {
        return self::variant(self::options($row)) === null;
    }

    /** Return name => value of the chosen options: as the tables have them now, otherwise as they were ordered. */
    private static function options(\stdClass $row): array
    {
        if (Settings::get('variant_option') === '') {
            return [];
        }
        // Nobody may get the plain shop for a variant that was paid for
        return self::tabled((int) $row->service_id) + (array) json_decode((string) $row->configoptions, true);
    }

    /**
     * Return name => value of the options that the tables tell and that have values to choose from. These tables are
     * not documented: another WHMCS may name things in another way.
     */
    private static function tabled(int $serviceId): array
    {
        $found = [];
        try {
            foreach (Capsule::table('tblhostingconfigoptions')->where('relid', $serviceId)->get() as $chosen) {
                $name = self::name('tblproductconfigoptions', (int) ($chosen->configid ?? 0));
                $value = self::name('tblproductconfigoptionssub', (int) ($chosen->optionid ?? 0));
                if ($name !== '' && $value !== '') {
                    $found[$name] = $value;
                }
            }
        } catch (\Throwable $failure) {
            Log::failure('reading the options of service ' . $serviceId, $failure);
        }
        return $found;
    }

    /** Modules get the first part of `name|what clients read`; '' is returned when it is not there. */
    private static function name(string $table, int $id): string
    {
        $row = Capsule::table($table)->where('id', $id)->first();
        return trim(explode('|', (string) ($row->optionname ?? ''))[0]);
    }
}
