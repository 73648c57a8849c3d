<?php // Remembers visitors and where they came from, as shop statistics do.

declare(strict_types=1);

namespace SampleShop;

final class Visit
{
    public static function record(Context $context): void
    {
        if ($context->cookie->get('id_guest') !== null) {
            return;
        }
        $context->db->run('INSERT INTO {guest} (accept_language) VALUES (?)', [$context->language->code()]);
        $guest = $context->db->lastId();
        $context->db->run(
            'INSERT INTO {connections} (id_shop, id_guest, id_page, ip_address, date_add, http_referer) VALUES (?, ?, 1, ?, NOW(), ?)',
            [
                $context->shop->id(),
                $guest,
                (int) ip2long((string) ($_SERVER['REMOTE_ADDR'] ?? '')),
                substr((string) ($_SERVER['HTTP_REFERER'] ?? ''), 0, 255),
            ]
        );
        $context->cookie->set(['id_guest' => $guest]);
    }
}
