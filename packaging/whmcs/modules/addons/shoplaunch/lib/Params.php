<?php
/** What WHMCS knows of a service now, in the shape in which it hands it to modules. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Params
{
    /** Return the parameters an order needs beside the service's row of `tblhosting`. */
    public static function of(\stdClass $hosting): array
    {
        $client = Capsule::table('tblclients')->where('id', (int) $hosting->userid)->first();
        return ['clientsdetails' => (array) $client, 'configoptions' => self::options((int) $hosting->id)];
    }

    /** Return name => value of the chosen configurable options that have values to choose from. */
    private static function options(int $serviceId): array
    {
        $found = [];
        foreach (Capsule::table('tblhostingconfigoptions')->where('relid', $serviceId)->get() as $chosen) {
            $option = Capsule::table('tblproductconfigoptions')->where('id', (int) $chosen->configid)->first();
            $value = Capsule::table('tblproductconfigoptionssub')->where('id', (int) $chosen->optionid)->first();
            if ($option !== null && $value !== null) {
                $found[self::name($option)] = self::name($value);
            }
        }
        return $found;
    }

    /** Modules get the first part of `name|what clients read`. */
    private static function name(\stdClass $row): string
    {
        return trim(explode('|', (string) $row->optionname)[0]);
    }
}
