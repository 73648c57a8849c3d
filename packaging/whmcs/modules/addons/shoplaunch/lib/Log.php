<?php
/** WHMCS's activity log: what an administrator should know, never a secret or personal data. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class Log
{
    /** Note `$message`; a log that cannot be written breaks nothing. */
    public static function activity(string $message, int $clientId = 0): void
    {
        try {
            logActivity('Shoplaunch: ' . $message, $clientId);
        } catch (\Throwable $ignored) {
            // There is no other place to report it
        }
    }

    /**
     * Note that `$where` failed. Where and which kind only: messages of database errors quote values of clients.
     */
    public static function failure(string $where, \Throwable $failure): void
    {
        $place = basename($failure->getFile()) . ':' . $failure->getLine();
        self::activity($where . ' failed: ' . get_class($failure) . ' at ' . $place);
    }
}
