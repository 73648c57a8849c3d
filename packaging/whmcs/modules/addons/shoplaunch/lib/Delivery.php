<?php
/** Delivers waiting events to the controller: pauses grow, the event's id stays, every try has a new signature. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class Delivery
{
    /** Pause after the n-th failed try, in seconds; the last goes on for ever. */
    private const PAUSES = [60, 120, 300, 600, 1800, 3600];

    /** Statuses of the controller that are not final. Every other 4xx is its final answer. */
    private const LATER = [401, 403, 404, 405, 408, 425, 429];

    /** Send what is due, for at most about `$seconds`; stop at once when the controller cannot be reached. */
    public static function run(int $seconds): void
    {
        $end = time() + $seconds;
        // A service's next event becomes its first only once the one before it was taken
        while ($due = Queue::due()) {
            foreach ($due as $row) {
                if (time() >= $end || !self::deliver($row)) {
                    return;
                }
            }
        }
    }

    /** Try one event; return whether the controller answered. */
    private static function deliver(\stdClass $row): bool
    {
        $pause = self::PAUSES[min((int) $row->attempts, count(self::PAUSES) - 1)];
        if (!Queue::claim($row, $pause)) {
            return true;
        }
        $answer = Controller::send('POST', '/api/v1/orders', (string) $row->body, (string) $row->event_id, 1, 3);
        $status = $answer['status'];
        $document = $answer['document'] ?? [];
        if ($status >= 200 && $status < 300 && $answer['document'] !== null) {
            Queue::taken($row);
            if (!Queue::isWaiting((int) $row->service_id)) {
                Status::keep((int) $row->service_id, $document);
            }
            return true;
        }
        $error = Controller::problemIn($document, $answer['error']);
        // Only a problem document of the controller is a refusal; a page of some proxy is not
        if ($status >= 400 && $status < 500 && $error['code'] !== '' && !in_array($status, self::LATER, true)) {
            Queue::refused($row, $error);
            $what = sprintf('the controller refused "%s" (%s)', $row->kind, self::word($error['code']));
            Log::activity(sprintf('service %d: %s', $row->service_id, $what));
            return true;
        }
        Queue::failed($row, $error);
        if ((int) $row->attempts === 0) {
            Log::activity(sprintf('service %d: "%s" waits, the controller could not be notified', $row->service_id, $row->kind));
        }
        return $status !== 0;
    }

    /** A code is one word; whatever else came is not written to the log. */
    private static function word(string $code): string
    {
        return (string) preg_replace('/[^a-z0-9_]+/', '', $code);
    }
}
