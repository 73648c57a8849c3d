<?php
/** The client's progress page: what is shown in the account's place until the shop is ready. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Authentication\CurrentUser;

final class Progress
{
    private const STEPS = ['received', 'preparing', 'restoring', 'finishing', 'live'];
    private const TROUBLED = ['failed', 'stalled'];
    private const CLOSED = ['cancelled', 'ignored'];

    /** Return the page for WHMCS, or answer the page's own request for updates and end. */
    public static function page(array $vars): array
    {
        $texts = Texts::of($vars);
        $row = self::own(isset($_GET['service']) && is_scalar($_GET['service']) ? (int) $_GET['service'] : 0);
        if (isset($_GET['poll'])) {
            self::answer($row, $texts);
        }
        $shown = $row === null ? null : self::view($row, $texts);
        if ($shown !== null && $shown['moving']) {
            // Asked after the page is sent: a controller that is down delays nobody
            AfterResponse::later('look ' . $row->service_id, static function () use ($row) {
                Status::refresh($row);
            });
        }
        $texts = $row === null ? $texts : Texts::about(Status::document($row), $texts);
        return [
            'pagetitle' => $texts['progress'],
            'breadcrumb' => ['index.php?m=' . Settings::MODULE => $texts['progress']],
            'templatefile' => $shown === null ? 'templates/unknown' : 'templates/progress',
            'requirelogin' => true,
            'forcessl' => false,
            'vars' => ['shop' => $shown, 'text' => $texts],
        ];
    }

    /** Return the content of the page: texts, percentage, milestones and the next link. */
    public static function view(\stdClass $row, array $texts): array
    {
        $document = Status::document($row);
        $texts = Texts::about($document, $texts);
        $ready = (int) $row->ready_at > 0;
        $state = $ready ? 'live' : (string) $row->state;
        $mood = self::mood($row, $ready);
        $percent = $ready ? 100 : min(99, (int) $row->percent);
        return [
            'service' => (int) $row->service_id,
            'domain' => Services::domain($row, $document),
            'mood' => $mood,
            'title' => $texts['title_' . $mood],
            'sentence' => $texts['sentence_' . $mood],
            'percent' => $percent,
            'percent_text' => Texts::percent($percent, $texts),
            'milestones' => in_array($mood, ['closed', 'gone'], true) ? [] : self::milestones($state, $percent, $texts),
            'moving' => in_array($mood, ['busy', 'trouble', 'approval', 'server'], true),
            'shop_url' => $ready ? self::webAddress($document['shop_url'] ?? '') : '',
            'visit' => $texts['visit'],
            'details' => $ready ? 'clientarea.php?action=productdetails&id=' . (int) $row->service_id : '',
            'poll' => 'index.php?m=' . Settings::MODULE . '&service=' . (int) $row->service_id . '&poll=1',
        ];
    }

    private static function mood(\stdClass $row, bool $ready): string
    {
        if ($row->account === 'gone') {
            return 'gone';
        }
        if ($ready) {
            return 'ready';
        }
        $document = Status::document($row);
        if (in_array($row->state, self::TROUBLED, true) || ($row->state === 'received' && isset($document['error']))) {
            return 'trouble';
        }
        if (in_array($row->state, self::CLOSED, true)) {
            return 'closed';
        }
        $waitsFor = $document['waiting_for'] ?? null;
        return $waitsFor === 'accepted' ? 'approval' : ($waitsFor === 'server' ? 'server' : 'busy');
    }

    /** Return [['label', 'state' => done|now|waiting]]; a job in trouble does not say where it was, its percentage does. */
    private static function milestones(string $state, int $percent, array $texts): array
    {
        $state = $state === 'dropped' ? 'preparing' : $state;
        $at = array_search($state, self::STEPS, true);
        if ($at === false) {
            $at = in_array($state, self::TROUBLED, true) ? ($percent < 5 ? 1 : ($percent < 96 ? 2 : 3)) : 0;
        }
        $found = [];
        foreach (self::STEPS as $number => $name) {
            $done = $number < $at || $state === 'live';
            $found[] = [
                'label' => $texts['milestone_' . $name],
                'state' => $done ? 'done' : ($number === $at ? 'now' : 'waiting'),
            ];
        }
        return $found;
    }

    /** Return the row of a service of the client at this page; masquerading administrators are that client. */
    private static function own(int $serviceId): ?\stdClass
    {
        $client = class_exists(CurrentUser::class) ? (new CurrentUser())->client() : null;
        $clientId = is_object($client) ? (int) $client->id : 0;
        $row = $serviceId > 0 && $clientId > 0 ? Services::find($serviceId) : null;
        return $row !== null && (int) $row->client_id === $clientId ? $row : null;
    }

    private static function answer(?\stdClass $row, array $texts): void
    {
        if (session_status() === PHP_SESSION_ACTIVE) {
            session_write_close();
        }
        header('Content-Type: application/json; charset=utf-8');
        header('Cache-Control: no-store');
        if ($row === null) {
            http_response_code(404);
            echo '{}';
            exit;
        }
        if (self::view($row, $texts)['moving']) {
            Status::refresh($row);
            $row = Services::find((int) $row->service_id) ?? $row;
        }
        echo Queue::encode(self::view($row, $texts));
        exit;
    }

    /** Only web addresses become links. */
    private static function webAddress($text): string
    {
        return is_string($text) && preg_match('#^https?://#i', $text) ? $text : '';
    }
}
