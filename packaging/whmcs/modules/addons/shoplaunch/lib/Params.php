<?php
/** Parameters that WHMCS passes to modules about a service: stored with an order, read when it is sent again. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Params
{
    /** Store the options that were chosen with an order, as WHMCS passes them, and the folder. */
    public static function remember(int $serviceId, array $params): void
    {
        $known = ['configoptions' => (array) ($params['configoptions'] ?? []), 'folder' => self::folder($params)];
        $kept = Queue::encode($known);
        Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)->update(['configoptions' => $kept]);
    }

    /** Return the parameters an order needs besides the service's row of `tblhosting`; `$row` is our own. */
    public static function of(\stdClass $hosting, \stdClass $row): array
    {
        $client = Capsule::table('tblclients')->where('id', (int) $hosting->userid)->first();
        $field = self::field((int) $row->service_id, (int) $hosting->packageid);
        return [
            'clientsdetails' => (array) $client,
            'configoptions' => self::options($row),
            'customfields' => [self::folderName() => $field ?? (string) (self::remembered($row)['folder'] ?? '')],
        ];
    }

    /**
     * Return the folder of the domain that an order asks for, by a configurable option or a custom field of the name
     * that is set; '' for the domain's root.
     */
    public static function folder(array $params): string
    {
        foreach (['configoptions', 'customfields'] as $kind) {
            foreach ((array) ($params[$kind] ?? []) as $name => $value) {
                $folder = trim(html_entity_decode((string) $value, ENT_QUOTES));
                if ($folder !== '' && self::folderName() !== '' && self::plain((string) $name) === self::folderName()) {
                    // Longer ones are refused in any case, and would leave no room for the options
                    return (string) preg_replace('/^(.{200}).*$/us', '$1', $folder);
                }
            }
        }
        return '';
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
            if (self::plain((string) $name) === $wanted) {
                return trim((string) $value);
            }
        }
        return null;
    }

    /** Tell whether the service of our `$row` has configurable options, and none that chooses a variant as set. */
    public static function lacksVariant(\stdClass $row): bool
    {
        return Settings::get('variant_option') !== '' && self::variant(self::options($row)) === null;
    }

    /** Return name => value of the chosen options: as the tables have them now, otherwise as they were ordered. */
    private static function options(\stdClass $row): array
    {
        if (Settings::get('variant_option') === '' && self::folderName() === '') {
            return [];
        }
        // Nobody may get the plain shop for a variant that was paid for
        return self::tabled((int) $row->service_id) + self::remembered($row)['configoptions'];
    }

    /** Return what was kept of the order: `configoptions`, and `folder` where it was kept. */
    private static function remembered(\stdClass $row): array
    {
        $known = (array) json_decode((string) $row->configoptions, true);
        // Earlier the options alone were kept
        return is_array($known['configoptions'] ?? null) ? $known : ['configoptions' => $known];
    }

    private static function folderName(): string
    {
        return Settings::get('folder_option', Settings::FOLDER_OPTION);
    }

    /** Return a name as it is set: WHMCS keeps it as HTML. */
    private static function plain(string $name): string
    {
        return trim(html_entity_decode($name, ENT_QUOTES));
    }

    /** Return what the client (or an administrator since) entered into the field for the folder, null when unknown. */
    private static function field(int $serviceId, int $productId): ?string
    {
        if (self::folderName() === '') {
            return null;
        }
        try {
            $fields = Capsule::table('tblcustomfields')->where('type', 'product')->where('relid', $productId)->get();
            foreach ($fields as $field) {
                if (self::plain(explode('|', (string) $field->fieldname)[0]) === self::folderName()) {
                    $value = Capsule::table('tblcustomfieldsvalues')->where('fieldid', (int) $field->id)
                        ->where('relid', $serviceId)->first();
                    return $value === null ? null : (string) $value->value;
                }
            }
        } catch (\Throwable $failure) {
            Log::failure('reading the fields of service ' . $serviceId, $failure);
        }
        return null;
    }

    /**
     * Return name => value of the options in the tables that have values to choose from. These tables are
     * not documented: another version of WHMCS may use other names.
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
