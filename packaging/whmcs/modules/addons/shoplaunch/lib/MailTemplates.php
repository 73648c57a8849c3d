<?php
/** The addon's e-mail templates, each English and Persian: made when absent, never overwritten. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class MailTemplates
{
    /** What the controller fills in; empty text where it does not apply. */
    private const FIELDS = ['shop_domain', 'shop_url', 'shop_admin_url', 'shop_login', 'shop_password_link',
        'shop_password', 'shop_password_to_choose', 'shop_name_servers', 'shop_status_url', 'shop_persian',
        'shop_is_site'];

    /**
     * Add the templates that are missing. An administrator's wording stays, and so does a translation of his own.
     *
     * Both languages are in one template: which row WHMCS takes for a client who chose no language depends on its own
     * default language, and mails and ticket have to agree.
     */
    public static function ensure(): void
    {
        $persian = require dirname(__DIR__) . '/lang/mails.farsi.php';
        foreach (require dirname(__DIR__) . '/lang/mails.english.php' as $name => $english) {
            $both = [];
            foreach (['subject', 'message'] as $part) {
                $both[$part] = '{if $shop_persian}' . $persian[$name][$part] . '{else}' . $english[$part] . '{/if}';
            }
            self::add($name, $both);
        }
    }

    /** EmailTplMergeFields: show the fields in the editor of product mails. */
    public static function mergeFields(array $vars): array
    {
        if (($vars['type'] ?? '') !== 'product') {
            return [];
        }
        $texts = Texts::ofClient();
        $found = [];
        foreach (self::FIELDS as $field) {
            $found[$field] = $texts['field_' . $field];
        }
        return $found;
    }

    /** @param array<string, string> $texts subject and message */
    private static function add(string $name, array $texts): void
    {
        // '' is the row for every language without one of its own
        $known = Capsule::table('tblemailtemplates')
            ->where('type', 'product')->where('name', $name)->where('language', '')->exists();
        if ($known) {
            return;
        }
        $now = date('Y-m-d H:i:s');
        Capsule::table('tblemailtemplates')->insert($texts + [
            'type' => 'product',
            'name' => $name,
            'attachments' => '',
            'fromname' => '',
            'fromemail' => '',
            'disabled' => 0,
            'custom' => 1,
            'language' => '',
            'copyto' => '',
            'blind_copy_to' => '',
            'plaintext' => 0,
            'created_at' => $now,
            'updated_at' => $now,
        ]);
    }
}
