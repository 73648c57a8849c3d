<?php
/** The addon's settings, read once per request; hooks are not given them by WHMCS. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Settings
{
    public const MODULE = 'shoplaunch';

    /** @var array<string, string>|null */
    private static $values = null;

    /** Default name of the field or option with the shop's folder. */
    public const FOLDER_OPTION = 'Shop folder';

    /** Return the setting `$name` as trimmed text; `$otherwise` when it was never saved. */
    public static function get(string $name, string $otherwise = ''): string
    {
        if (self::$values === null) {
            self::$values = [];
            $rows = Capsule::table('tbladdonmodules')->where('module', self::MODULE)->get();
            foreach ($rows as $row) {
                self::$values[(string) $row->setting] = trim(html_entity_decode((string) $row->value, ENT_QUOTES));
            }
        }
        return self::$values[$name] ?? $otherwise;
    }

    /** Return whether a yes/no setting is on. */
    public static function isOn(string $name): bool
    {
        return in_array(strtolower(self::get($name)), ['on', 'yes', '1', 'true'], true);
    }

    /**
     * Return the products that come with a shop: product id => bundle. Lines that say neither are left out.
     *
     * @return array<int, string>
     */
    public static function products(): array
    {
        $found = [];
        foreach (preg_split('/[\r\n]+/', self::get('products')) as $line) {
            if (preg_match('/^\s*(\d{1,9})\s*=\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*$/', $line, $parts)) {
                $found[(int) $parts[1]] = $parts[2];
            }
        }
        return $found;
    }

    /**
     * Return the lines of the products setting that are not understood.
     *
     * @return string[]
     */
    public static function strangeLines(): array
    {
        $lines = array_filter(array_map('trim', preg_split('/[\r\n]+/', self::get('products'))));
        return array_values(preg_grep('/^\d{1,9}\s*=\s*[A-Za-z0-9][A-Za-z0-9._-]*$/', $lines, PREG_GREP_INVERT));
    }

    /** Return the key's secret; WHMCS may or may not keep a password field encrypted. */
    public static function secret(): string
    {
        $value = self::get('api_secret');
        if ($value === '' || preg_match('/^[0-9a-f]{64}$/', $value)) {
            return $value;
        }
        $answer = localAPI('DecryptPassword', ['password2' => $value]);
        $plain = is_array($answer) ? trim((string) ($answer['password'] ?? '')) : '';
        return preg_match('/^[0-9a-f]{64}$/', $plain) ? $plain : $value;
    }

    /** Return `fa` or `en` for a WHMCS language's name; '' is the addon's default language. */
    public static function languageCode(string $language): string
    {
        $name = strtolower($language !== '' ? $language : self::get('default_language'));
        return in_array($name, ['farsi', 'persian', 'fa'], true) ? 'fa' : 'en';
    }
}
