<?php
/** AfterCronJob: queues creations that were lost, sends waiting events, checks shops under way, sends held mails. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Cron
{
    private const DELIVER_SECONDS = 20;
    private const LOOK_SECONDS = 10;
    private const LOOK_AT = 50;

    /** One round; a controller that is down costs it a few seconds. */
    public static function run(): void
    {
        Orders::catchUp();
        Delivery::run(self::DELIVER_SECONDS);
        self::look();
        WelcomeMail::sendAllHeld();
        Queue::sweep();
    }

    private static function look(): void
    {
        $end = time() + self::LOOK_SECONDS;
        $rows = Capsule::table(Schema::SERVICES)->where('account', 'created')->where('ready_at', 0)
            ->orderBy('checked_at')->limit(self::LOOK_AT)->get();
        foreach ($rows as $row) {
            if (time() >= $end || !Status::refresh($row)) {
                return;
            }
        }
    }
}
