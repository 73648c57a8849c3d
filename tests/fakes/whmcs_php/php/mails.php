<?php
/** Templated mails: hooks may stop or fill them, the client's language chooses the row, Smarty renders it. */

declare(strict_types=1);

namespace Double;

use WHMCS\Database\Capsule;

final class Mails
{
    private const SIGNATURE = 'Example Hosting';

    /** SendEmail, called from inside or through the External API. */
    public static function api(string $name, int $relid, array $fields): array
    {
        $template = self::template($name, '');
        if ($template === null) {
            return self::error('Email Template not found');
        }
        if ((int) $template->disabled === 1) {
            return self::error('Email Template is disabled');
        }
        if ($template->type === 'product' && row('tblhosting', $relid) === null) {
            return self::error('Sending Failed. Please see documentation.');
        }
        return self::send($name, $relid, $fields)
            ? ['result' => 'success']
            : self::error('Sending Failed. Please see documentation.');
    }

    /** Send a template's mail unless a hook stops it; tell whether it went out. */
    public static function send(string $name, int $relid, array $fields): bool
    {
        $template = self::template($name, '');
        $client = $template === null ? null : self::client($template->type, $relid);
        if ($client !== null) {
            $template = self::template($name, $client->language) ?? $template;
            $fields += ['client_name' => "$client->firstname $client->lastname",
                'client_first_name' => $client->firstname, 'signature' => self::SIGNATURE];
        }
        $fields = self::passed($name, $relid, $fields);
        if ($fields === null) {
            return false;
        }
        $subject = $template === null ? '' : Smarty::text($template->subject, $fields);
        self::keep($name, $relid, $client, $subject, $template === null ? '' : Smarty::text($template->message, $fields));
        return true;
    }

    /** Send a ticket's mail, unless a hook stops it. */
    public static function ofTicket(string $name, int $ticketId, int $clientId, string $subject, string $message): void
    {
        if (self::passed($name, $ticketId, ['ticket_subject' => $subject]) !== null) {
            self::keep($name, $ticketId, row('tblclients', $clientId), $subject, $message);
        }
    }

    /** EmailPreSend: return the fields with what hooks add, null when one of them stops the mail. */
    private static function passed(string $name, int $relid, array $fields): ?array
    {
        $vars = ['messagename' => $name, 'relid' => $relid, 'mergefields' => $fields];
        foreach (run_hook('EmailPreSend', $vars) as $answer) {
            if (($answer['abortsend'] ?? false) === true) {
                return null;
            }
            $fields = $answer + $fields;
        }
        return $fields;
    }

    private static function template(string $name, string $language): ?\stdClass
    {
        $rows = Capsule::pdo()->prepare('SELECT * FROM tblemailtemplates WHERE name = ? AND language = ?');
        $rows->execute([$name, $language]);
        return $rows->fetch() ?: null;
    }

    /** Return whom a mail of this type about this number goes to. */
    private static function client(string $type, int $relid): ?\stdClass
    {
        if ($type === 'general') {
            return row('tblclients', $relid);
        }
        $service = $type === 'product' ? row('tblhosting', $relid) : null;
        return $service === null ? null : row('tblclients', (int) $service->userid);
    }

    private static function keep(string $name, int $relid, ?\stdClass $client, string $subject, string $message): void
    {
        Capsule::pdo()
            ->prepare('INSERT INTO double_mails (name, relid, userid, subject, message) VALUES (?, ?, ?, ?, ?)')
            ->execute([$name, $relid, $client === null ? 0 : $client->id, $subject, $message]);
    }

    private static function error(string $message): array
    {
        return ['result' => 'error', 'message' => $message];
    }
}
