<?php
/** The controller's status of a service, stored for five seconds, so that pages never request it themselves. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Status
{
    private const CACHE_SECONDS = 5;
    private const SILENT_SECONDS = 30;

    /** What pages show of a job. */
    private const TEXTS = ['id', 'kind', 'domain', 'step', 'shop_url', 'admin_url', 'status_url', 'waiting_for',
        'variant', 'noun', 'folder'];
    private const MAX_STEPS = 20;

    /** Jobs of these kinds exist only for a shop that was live. */
    private const AFTER_LIVE = ['https_on', 'set_admin_password'];

    /** Request the status unless that was done just now; return whether the controller answered. */
    public static function refresh(\stdClass $row, int $connect = 1, int $total = 2): bool
    {
        $now = time();
        if ((int) $row->checked_at > $now - self::CACHE_SECONDS) {
            return true;
        }
        if (Queue::isWaiting((int) $row->service_id)) {
            // Until the controller knows this account, its answer would be about an earlier one
            return true;
        }
        $claimed = Capsule::table(Schema::SERVICES)->where('service_id', $row->service_id)
            ->where('checked_at', $row->checked_at)->update(['checked_at' => $now]);
        if ($claimed < 1) {
            return true;
        }
        $path = '/api/v1/services/' . (int) $row->service_id;
        $answer = Controller::send('GET', $path, '', Queue::uuid(), $connect, $total);
        if ($answer['status'] === 200 && $answer['document'] !== null) {
            self::keep((int) $row->service_id, $answer['document']);
            return true;
        }
        if ($answer['status'] !== 404) {
            // A controller that is down is asked less often
            self::set((int) $row->service_id, ['checked_at' => $now + self::SILENT_SECONDS - self::CACHE_SECONDS]);
        }
        return $answer['status'] !== 0;
    }

    /** Store a status document; a live shop lets the client in and sends the held mail. */
    public static function keep(int $serviceId, array $document): void
    {
        $state = $document['state'] ?? null;
        if (!is_string($state) || !preg_match('/^[a-z_]{1,16}$/', $state)) {
            return;
        }
        $percent = $document['percent'] ?? 0;
        self::set($serviceId, [
            'state' => $state,
            'percent' => is_int($percent) ? max(0, min(100, $percent)) : 0,
            'document' => Queue::encode(self::kept($document)),
            'checked_at' => time(),
        ]);
        $live = $state === 'live' || in_array($document['kind'] ?? '', self::AFTER_LIVE, true);
        if ($live && empty($document['ended_at']) && self::isAccountThere($serviceId) && Services::letIn($serviceId)) {
            AfterResponse::later('mail ' . $serviceId, static function () use ($serviceId) {
                WelcomeMail::sendHeld($serviceId);
            });
        }
    }

    /** Return the stored document of a row; empty before the controller's first answer. */
    public static function document(\stdClass $row): array
    {
        $document = json_decode((string) $row->document, true);
        return is_array($document) ? $document : [];
    }

    /** Return whether the controller could make no job of this service's order. */
    public static function isWithoutJob(\stdClass $row): bool
    {
        $document = self::document($row);
        return isset($document['error']) && empty($document['id']);
    }

    /** A late answer about a removed account must not let the client into the next one. */
    private static function isAccountThere(int $serviceId): bool
    {
        $row = Services::find($serviceId);
        return $row !== null && $row->account === 'created';
    }

    /** Return the stored part of a status document: texts that pages can show and that a column of WHMCS's can hold. */
    private static function kept(array $document): array
    {
        $kept = ['failed_steps' => self::failedSteps($document)];
        foreach (self::TEXTS as $name) {
            $text = Controller::text($document[$name] ?? null);
            if ($text !== '') {
                $kept[$name] = $text;
            }
        }
        if (is_array($document['error'] ?? null)) {
            $kept['error'] = Controller::problemIn($document['error'], '');
        }
        return $kept;
    }

    /** @return string[] */
    private static function failedSteps(array $document): array
    {
        $names = [];
        foreach (array_slice((array) ($document['steps'] ?? []), 0, self::MAX_STEPS) as $step) {
            $name = is_array($step) && ($step['state'] ?? '') === 'failed' ? $step['name'] ?? null : null;
            if (is_string($name) && preg_match('/^[a-z_]{1,32}$/', $name)) {
                $names[] = $name;
            }
        }
        return $names;
    }

    private static function set(int $serviceId, array $values): void
    {
        Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)->update($values);
    }
}
