<?php
/** An administrator's actions on the addon's page: retry a step, let a client in, send a refused event again. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class AdminActions
{
    /** Execute the posted form's action; return ['good' => bool, 'text' => the message]. The token is already checked. */
    public static function perform(array $post, array $texts): array
    {
        $action = isset($post['do']) && is_string($post['do']) ? $post['do'] : '';
        $id = isset($post['id']) && is_scalar($post['id']) ? (int) $post['id'] : 0;
        switch ($action) {
            case 'retry':
                $step = isset($post['step']) && is_string($post['step']) ? $post['step'] : '';
                return self::retry($id, $step, $texts);
            case 'let_in':
                return self::letIn($id, $texts);
            case 'send':
                return self::sendAgain($id, $texts);
            case 'refresh':
                self::refresh();
                return ['good' => true, 'text' => ''];
        }
        return ['good' => false, 'text' => $texts['nothing_done']];
    }

    private static function retry(int $serviceId, string $step, array $texts): array
    {
        $row = Services::find($serviceId);
        if ($row === null) {
            return ['good' => false, 'text' => $texts['nothing_done']];
        }
        if (Status::isWithoutJob($row)) {
            return self::order($serviceId, $texts);
        }
        $body = Queue::encode(['step' => $step === '' ? null : $step]);
        $path = '/api/v1/services/' . $serviceId . '/retry';
        $answer = Controller::send('POST', $path, $body, Queue::uuid(), 3, 10);
        $document = $answer['document'] ?? [];
        if ($answer['status'] >= 200 && $answer['status'] < 300) {
            Status::keep($serviceId, $document);
            return ['good' => true, 'text' => $texts['told_retry']];
        }
        return self::notRetried(Controller::problemIn($document, $answer['error']), $texts);
    }

    /** Send the order of a service without a job, as WHMCS has it now: an error may have been corrected. */
    private static function order(int $serviceId, array $texts): array
    {
        if (!Orders::again($serviceId)) {
            return ['good' => false, 'text' => $texts['nothing_done']];
        }
        Delivery::run(5);
        $error = Queue::refusal($serviceId);
        if ($error !== null) {
            return self::notRetried(Controller::problemIn($error, ''), $texts);
        }
        return ['good' => true, 'text' => $texts['told_send']];
    }

    private static function sendAgain(int $id, array $texts): array
    {
        $event = Queue::refusedEvent($id);
        if ($event !== null && $event->kind !== 'terminated') {
            return self::order((int) $event->service_id, $texts);
        }
        if (!Queue::renew($id)) {
            return ['good' => false, 'text' => $texts['nothing_done']];
        }
        Delivery::run(5);
        return ['good' => true, 'text' => $texts['told_send']];
    }

    private static function notRetried(array $problem, array $texts): array
    {
        $why = trim($problem['message'] . ' ' . $problem['advice']);
        return ['good' => false, 'text' => sprintf($texts['failed_retry'], $why)];
    }

    private static function letIn(int $serviceId, array $texts): array
    {
        if (!Services::letIn($serviceId)) {
            return ['good' => false, 'text' => $texts['nothing_done']];
        }
        Log::activity(sprintf('service %d: the client was let in by an administrator', $serviceId));
        WelcomeMail::sendHeld($serviceId);
        return ['good' => true, 'text' => $texts['told_let_in']];
    }

    private static function refresh(): void
    {
        Delivery::run(5);
        $end = time() + 5;
        foreach (Services::page(1) as $row) {
            if (time() < $end && $row->account === 'created' && !Status::refresh($row)) {
                return;
            }
        }
    }
}
