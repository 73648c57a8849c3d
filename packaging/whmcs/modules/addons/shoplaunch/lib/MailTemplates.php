<?php
/** The addon's e-mail templates, English and Persian: made when absent, never overwritten. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class MailTemplates
{
    /** WHMCS language => file of texts; '' is the row for every language without one of its own. */
    private const LANGUAGES = ['' => 'english', 'farsi' => 'farsi'];

    /** What the controller fills in; empty text where it does not apply. */
    private const FIELDS = ['shop_domain', 'shop_url', 'shop_admin_url', 'shop_login', 'shop_password_link',
        'shop_password', 'shop_name_servers', 'shop_status_url'];

    /** Add the templates that are missing. An administrator's wording stays, and so does a translation of his own. */
    public static function ensure(): void
    {
        foreach (self::LANGUAGES as $language => $file) {
            foreach (require dirname(__DIR__) . '/lang/mails.' . $file . '.php' as $name => $mail) {
                self::add($name, $language, $mail['subject'], $mail['message']);
            }
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

    private static function add(string $name, string $language, string $subject, string $message): void
    {
        $known = Capsule::table('tblemailtemplates')
            ->where('type', 'product')->where('name', $name)->where('language', $language)->exists();
        if ($known) {
            return;
        }
        $now = date('Y-m-d H:i:s');
        Capsule::table('tblemailtemplates')->insert([
            'type' => 'product',
            'name' => $name,
            'subject' => $subject,
            'message' => $message,
            'attachments' => '',
            'fromname' => '',
            'fromemail' => '',
            'disabled' => 0,
            'custom' => 1,
            'language' => $language,
            'copyto' => '',
            'blind_copy_to' => '',
            'plaintext' => 0,
            'created_at' => $now,
            'updated_at' => $now,
        ]);
    }
}
