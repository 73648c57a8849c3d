<?php
/** The standard welcome mail: held until the shop is ready, then sent. No other mail is ever touched. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class WelcomeMail
{
    public const STANDARD = 'Hosting Account Welcome Email';

    /** A mail whose sending began this long ago was not sent: its process died. */
    private const CLAIM_SECONDS = 900;

    /** A mail that could not be sent for this long is outdated. */
    private const GIVE_UP_SECONDS = 3 * 86400;

    /** EmailPreSend: return `abortsend` for the welcome mail of a service whose shop is not ready. */
    public static function emailPreSend(array $vars): ?array
    {
        $name = (string) ($vars['messagename'] ?? '');
        $serviceId = (int) ($vars['relid'] ?? 0);
        if ($name === '' || $serviceId < 1 || !self::mayBeWelcome($name)) {
            return null;
        }
        $hosting = Capsule::table('tblhosting')->where('id', $serviceId)->first();
        if ($hosting === null || !self::isWelcomeOf($hosting, $name)) {
            return null;
        }
        $row = Services::find($serviceId);
        // WHMCS may send it before any hook of the creation has run: such a service is still pending
        if ($hosting->domainstatus === 'Pending' && ($row === null || $row->account === '')) {
            Services::ensure($hosting);
            Services::changeUnless($serviceId, 'account', 'created', ['account' => 'expected']);
            $row = Services::find($serviceId);
        }
        if (!Services::isHeldBack($row)) {
            return null;
        }
        Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)
            ->update(['held_mail' => $name, 'mail_claimed_at' => 0]);
        return ['abortsend' => true];
    }

    /** Send the mail that was held for a service; what fails is tried again by cron. */
    public static function sendHeld(int $serviceId): void
    {
        $row = Services::find($serviceId);
        if ($row === null || $row->held_mail === '' || (int) $row->ready_at === 0) {
            return;
        }
        $now = time();
        $claimed = Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)
            ->where('held_mail', $row->held_mail)->where('mail_claimed_at', '<', $now - self::CLAIM_SECONDS)
            ->update(['mail_claimed_at' => $now]);
        if ($claimed < 1) {
            return;
        }
        $answer = localAPI('SendEmail', ['messagename' => $row->held_mail, 'id' => $serviceId]);
        if (is_array($answer) && ($answer['result'] ?? '') === 'success') {
            self::set($serviceId, ['held_mail' => '', 'mail_claimed_at' => 0]);
            return;
        }
        $over = (int) $row->ready_at < $now - self::GIVE_UP_SECONDS;
        if ($over) {
            self::set($serviceId, ['held_mail' => '']);
        }
        $next = $over ? 'send it by hand' : 'it is tried again';
        Log::activity(sprintf('service %d: the welcome mail could not be sent; %s', $serviceId, $next));
    }

    /** Send every held mail whose shop is ready. */
    public static function sendAllHeld(): void
    {
        $rows = Capsule::table(Schema::SERVICES)->where('held_mail', '!=', '')->where('ready_at', '>', 0)
            ->orderBy('service_id')->limit(50)->get();
        foreach ($rows as $row) {
            self::sendHeld((int) $row->service_id);
        }
    }

    /** A check of the template's name spares every other mail the rest. */
    private static function mayBeWelcome(string $name): bool
    {
        return Capsule::table('tblemailtemplates')->where('name', $name)->where('type', 'product')->exists()
            && strncmp($name, 'Shoplaunch: ', 12) !== 0;
    }

    private static function isWelcomeOf(\stdClass $hosting, string $name): bool
    {
        if (!isset(Settings::products()[(int) $hosting->packageid])) {
            return false;
        }
        if ($name === self::STANDARD) {
            return true;
        }
        $product = Capsule::table('tblproducts')->where('id', (int) $hosting->packageid)->first();
        if ($product === null || (int) $product->welcomeemail < 1) {
            return false;
        }
        $template = Capsule::table('tblemailtemplates')->where('id', (int) $product->welcomeemail)->first();
        return $template !== null && $template->type === 'product' && $template->name === $name;
    }

    private static function set(int $serviceId, array $values): void
    {
        Capsule::table(Schema::SERVICES)->where('service_id', $serviceId)->update($values);
    }
}
