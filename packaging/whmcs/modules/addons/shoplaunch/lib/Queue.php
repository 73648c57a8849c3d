<?php
/** Events that wait for the controller: stored in the same transaction as what they report. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Queue
{
    private const KEEP_SECONDS = 30 * 86400;

    /** Return a new event's id: a random UUID. */
    public static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }

    /**
     * Return `$document` as the JSON that is stored, signed and sent, to the byte. ASCII: the tables of an older WHMCS
     * cannot hold every character, and a truncated body would never be accepted.
     */
    public static function encode(array $document): string
    {
        return (string) json_encode($document, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
    }

    /** Store an event until the controller has accepted it. */
    public static function add(int $serviceId, array $body): void
    {
        Capsule::table(Schema::QUEUE)->insert([
            'event_id' => self::uuid(),
            'service_id' => $serviceId,
            'kind' => $body['event'],
            'body' => self::encode($body),
            'created_at' => time(),
        ]);
    }

    /**
     * Return the events that are due, oldest first; of each service only its first, so that none overtakes another.
     *
     * @return \stdClass[]
     */
    public static function due(): array
    {
        $first = [];
        // Those that wait for a later try are not among them: any number of these would hide the others
        $rows = Capsule::table(Schema::QUEUE)->where('state', 'waiting')->where('due_at', '<=', time())
            ->orderBy('id')->limit(500)->get();
        foreach ($rows as $row) {
            $first[(int) $row->service_id] = $first[(int) $row->service_id] ?? $row;
        }
        return array_filter($first, static function (\stdClass $row): bool {
            return !Capsule::table(Schema::QUEUE)->where('service_id', $row->service_id)->where('state', 'waiting')
                ->where('id', '<', $row->id)->exists();
        });
    }

    /**
     * Return the events that wait and those the controller refused, oldest first.
     *
     * @return \stdClass[]
     */
    public static function unfinished(): array
    {
        $found = [];
        foreach (Capsule::table(Schema::QUEUE)->whereIn('state', ['waiting', 'refused'])->orderBy('id')->limit(50)->get() as $row) {
            $found[] = $row;
        }
        return $found;
    }

    /** Return whether events of a service are still to be delivered. */
    public static function isWaiting(int $serviceId): bool
    {
        return Capsule::table(Schema::QUEUE)->where('service_id', $serviceId)->where('state', 'waiting')->exists();
    }

    /** Claim an event for one try; return whether it was free. It is due again automatically after `$seconds`. */
    public static function claim(\stdClass $row, int $seconds): bool
    {
        return Capsule::table(Schema::QUEUE)->where('id', $row->id)->where('state', 'waiting')
            ->where('due_at', $row->due_at)->where('attempts', $row->attempts)
            ->update(['attempts' => (int) $row->attempts + 1, 'due_at' => time() + $seconds]) > 0;
    }

    /** The controller accepted the event: its data about a client is deleted. */
    public static function taken(\stdClass $row): void
    {
        self::end($row, 'taken', ['body' => '', 'error' => null]);
    }

    /** The controller refused the event permanently; `$error` is {code, message, advice}. */
    public static function refused(\stdClass $row, array $error): void
    {
        self::end($row, 'refused', ['error' => self::encode($error)]);
    }

    /** The event was not delivered; it waits. */
    public static function failed(\stdClass $row, array $error): void
    {
        Capsule::table(Schema::QUEUE)->where('id', $row->id)->update(['error' => self::encode($error)]);
    }

    /** Send a refused event again, as a new one: the old id would get the old answer. */
    public static function renew(int $id): bool
    {
        return Capsule::table(Schema::QUEUE)->where('id', $id)->where('state', 'refused')->update([
            'event_id' => self::uuid(), 'state' => 'waiting', 'attempts' => 0, 'due_at' => 0, 'error' => null,
        ]) > 0;
    }

    /** Forget events that ended long ago. */
    public static function sweep(): void
    {
        Capsule::table(Schema::QUEUE)->where('state', '!=', 'waiting')
            ->where('ended_at', '<', time() - self::KEEP_SECONDS)->delete();
    }

    /** Forget what was refused of a service. */
    public static function dropRefused(int $serviceId): void
    {
        Capsule::table(Schema::QUEUE)->where('service_id', $serviceId)->where('state', 'refused')->delete();
    }

    /** Store an order in place of refused ones; when one waits already and none was refused, that one stays. */
    public static function replaceRefused(int $serviceId, array $body): void
    {
        if (self::refusedOrders($serviceId)->delete() > 0 || !self::isWaiting($serviceId)) {
            self::add($serviceId, $body);
        }
    }

    /** Return the last error {code, message, advice} with which the controller refused an order, null for none. */
    public static function refusal(int $serviceId): ?array
    {
        $row = self::refusedOrders($serviceId)->orderBy('id', 'desc')->first();
        return $row === null ? null : (array) json_decode((string) $row->error, true);
    }

    /** Return a refused event, null when it is none (any more). */
    public static function refusedEvent(int $id): ?\stdClass
    {
        return Capsule::table(Schema::QUEUE)->where('id', $id)->where('state', 'refused')->first();
    }

    /** An order does not report an end that was refused before it: that has to be sent all the same. */
    private static function refusedOrders(int $serviceId)
    {
        return Capsule::table(Schema::QUEUE)->where('service_id', $serviceId)->where('state', 'refused')
            ->where('kind', '!=', 'terminated');
    }

    private static function end(\stdClass $row, string $state, array $more): void
    {
        Capsule::table(Schema::QUEUE)->where('id', $row->id)->update(['state' => $state, 'ended_at' => time()] + $more);
    }
}
