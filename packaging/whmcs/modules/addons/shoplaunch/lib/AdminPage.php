<?php
/** The administrator's page: every shop with stage, error, advice and actions; waiting events. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class AdminPage
{
    private const TONES = ['live' => 'success', 'failed' => 'danger', 'stalled' => 'danger', 'cancelled' => 'default',
        'ignored' => 'default', '' => 'default', 'received' => 'default'];

    /** @var array<string, string> */
    private $texts;

    /** @var string */
    private $link;

    private function __construct(array $texts, string $link)
    {
        $this->texts = $texts;
        $this->link = $link;
    }

    /** Return the page's HTML; a POST is executed first, after its token is checked. */
    public static function show(array $vars, string $method, array $post, array $get): string
    {
        $page = new self(Texts::of($vars), (string) ($vars['modulelink'] ?? 'addonmodules.php?module=shoplaunch'));
        $said = ['good' => true, 'text' => ''];
        if ($method === 'POST') {
            check_token('WHMCS.admin.default');
            $said = AdminActions::perform($post, $page->texts);
        }
        $number = isset($get['page']) && is_scalar($get['page']) ? max(1, (int) $get['page']) : 1;
        return $page->html($said, $number);
    }

    private function html(array $said, int $number): string
    {
        $parts = [
            '<div class="shoplaunch-admin" dir="' . $this->text('direction') . '" lang="' . $this->text('code') . '">',
            (string) file_get_contents(dirname(__DIR__) . '/templates/admin-head.html'),
            $this->notes($said),
            '<div class="sl-head"><h2>' . $this->text('shops') . '</h2>' . $this->button('refresh', 0, $this->texts['refresh']) . '</div>',
            $this->table($number),
            $this->events(),
            '</div>',
        ];
        return implode("\n", $parts);
    }

    private function notes(array $said): string
    {
        $notes = $said['text'] === '' ? '' : self::alert($said['good'] ? 'success' : 'danger', $said['text']);
        $problem = Controller::problem(Settings::get('controller_url'));
        if ($problem !== '') {
            $notes .= self::alert('warning', sprintf($this->texts['unset'], $problem));
        }
        if (Settings::strangeLines() !== []) {
            $notes .= self::alert('warning', sprintf($this->texts['strange_lines'], implode(' · ', Settings::strangeLines())));
        } elseif (Settings::products() === []) {
            $notes .= self::alert('info', $this->texts['no_products']);
        }
        return $notes;
    }

    private function table(int $number): string
    {
        $rows = Services::page($number);
        if ($rows === [] && $number === 1) {
            return '<p class="sl-soft">' . $this->text('none') . '</p>';
        }
        $html = '<table class="table datatable sl-table"><thead><tr>';
        foreach (['service', 'domain', 'state', 'stage', 'trouble', 'actions'] as $column) {
            $html .= '<th>' . $this->text($column) . '</th>';
        }
        $html .= '</tr></thead><tbody>';
        foreach ($rows as $row) {
            $html .= $this->row($row);
        }
        $html .= '</tbody></table><p class="sl-pages">';
        if ($number > 1) {
            $html .= '<a href="' . Texts::html($this->link . '&page=' . ($number - 1)) . '">' . $this->text('newer') . '</a> ';
        }
        if (count($rows) === Services::PER_PAGE) {
            $html .= '<a href="' . Texts::html($this->link . '&page=' . ($number + 1)) . '">' . $this->text('older') . '</a>';
        }
        return $html . '</p>';
    }

    private function row(\stdClass $row): string
    {
        $document = Status::document($row);
        $id = (int) $row->service_id;
        $place = 'clientsservices.php?userid=' . (int) $row->client_id . '&id=' . $id;
        $cells = [
            'service' => '<a href="' . Texts::html($place) . '">' . $id . '</a>',
            'domain' => '<bdi class="sl-free" dir="ltr">' . Texts::html(Services::domain($row, $document)) . '</bdi>',
            'state' => $this->state($row),
            'stage' => $this->stage($row, $document),
            'trouble' => $this->trouble($document['error'] ?? null) . $this->withoutChoice($row, $document),
            'actions' => $this->actions($row, $document),
        ];
        $html = '<tr data-service="' . $id . '">';
        foreach ($cells as $column => $cell) {
            $html .= '<td data-label="' . $this->text($column) . '">' . $cell . '</td>';
        }
        return $html . '</tr>';
    }

    private function state(\stdClass $row): string
    {
        $tone = self::TONES[$row->state] ?? 'info';
        $label = $this->texts['state_' . $row->state] ?? $row->state;
        $html = '<span class="label label-' . $tone . '">' . Texts::html($label) . '</span>';
        $more = $row->account === 'gone' ? 'account_gone' : ((int) $row->ready_at > 0 ? 'client_in' : '');
        return $html . ($more === '' ? '' : ' <small class="sl-soft">' . $this->text($more) . '</small>');
    }

    private function stage(\stdClass $row, array $document): string
    {
        if ($document === []) {
            return '<span class="sl-soft">' . $this->text('silent') . '</span>';
        }
        $waits = ['module_created' => 'waits_created', 'accepted' => 'waits_accepted'][$document['waiting_for'] ?? ''] ?? '';
        if ($waits !== '') {
            return $this->text($waits);
        }
        $step = $this->step((string) ($document['step'] ?? ''));
        $percent = Texts::percent((int) $row->percent, $this->texts);
        return '<span>' . Texts::html($step) . ' <bdi>' . Texts::html($percent) . '</bdi></span><progress max="100" value="' . (int) $row->percent . '">' . Texts::html($percent) . '</progress>';
    }

    private function trouble($error): string
    {
        if (!is_array($error)) {
            return '';
        }
        $code = (string) ($error['code'] ?? '');
        return ($code === '' ? '' : '<div><code dir="ltr">' . Texts::html($code) . '</code></div>')
            . '<div class="sl-free" dir="auto">' . Texts::html($error['message'] ?? '') . '</div>'
            . '<div class="sl-free sl-soft" dir="auto">' . Texts::html($error['advice'] ?? '') . '</div>';
    }

    /** Warn that a shop was built without a variant: the configured name of the option may be misspelt. */
    private function withoutChoice(\stdClass $row, array $document): string
    {
        if (isset($document['variant']) || !Params::lacksVariant($row)) {
            return '';
        }
        $text = sprintf($this->texts['lacks_option'], Settings::get('variant_option'));
        return '<div class="sl-free sl-soft" dir="auto">' . Texts::html($text) . '</div>';
    }

    private function actions(\stdClass $row, array $document): string
    {
        $id = (int) $row->service_id;
        $html = '';
        $failed = array_filter((array) ($document['failed_steps'] ?? []), 'is_string');
        foreach ($row->account === 'gone' ? [] : $failed as $step) {
            $html .= $this->button('retry', $id, sprintf($this->texts['retry_step'], $this->step($step)), $step);
        }
        $stuck = in_array($row->state, ['failed', 'stalled'], true) || isset($document['error']);
        if ($stuck && $failed === [] && $row->account !== 'gone') {
            $html .= $this->button('retry', $id, $this->texts['retry']);
        }
        if (Services::isHeldBack($row)) {
            $html .= $this->button('let_in', $id, $this->texts['let_in'], '', $this->texts['let_in_sure']);
        }
        if (is_string($document['id'] ?? null) && $document['id'] !== '') {
            $job = rtrim(Settings::get('controller_url'), '/') . '/admin/jobs/' . rawurlencode($document['id']);
            $html .= '<a class="btn btn-link btn-sm" rel="noopener" target="_blank" href="' . Texts::html($job) . '">'
                . $this->text('open_job') . '</a>';
        }
        return $html;
    }

    private function events(): string
    {
        $rows = Queue::unfinished();
        if ($rows === []) {
            return '';
        }
        $html = '<h2>' . $this->text('waiting_events') . '</h2><table class="table datatable sl-table"><thead><tr>';
        $columns = ['service', 'event', 'tries', 'next_try', 'cause', 'actions'];
        foreach ($columns as $column) {
            $html .= '<th>' . $this->text($column) . '</th>';
        }
        $html .= '</tr></thead><tbody>';
        foreach ($rows as $row) {
            $refused = $row->state === 'refused';
            $minutes = (int) ceil(((int) $row->due_at - time()) / 60);
            $when = sprintf($this->texts['in_minutes'], Texts::number($minutes, $this->texts));
            $due = $minutes > 0 ? $when : $this->texts['at_next_cron'];
            $cells = [
                Texts::html($row->service_id),
                '<code dir="ltr">' . Texts::html($row->kind) . '</code>',
                Texts::html(Texts::number((int) $row->attempts, $this->texts)),
                Texts::html($refused ? $this->texts['refused'] : $due),
                $this->trouble(json_decode((string) $row->error, true)),
                $refused ? $this->button('send', (int) $row->id, $this->texts['send_again']) : '',
            ];
            $html .= '<tr data-event="' . (int) $row->id . '">';
            foreach ($cells as $number => $cell) {
                $html .= '<td data-label="' . $this->text($columns[$number]) . '">' . $cell . '</td>';
            }
            $html .= '</tr>';
        }
        return $html . '</tbody></table>';
    }

    private function button(string $do, int $id, string $label, string $step = '', string $ask = ''): string
    {
        $sure = $ask === '' ? '' : ' onsubmit="return confirm(this.dataset.ask)" data-ask="' . Texts::html($ask) . '"';
        $html = '<form method="post" action="' . Texts::html($this->link) . '"' . $sure . '>';
        $fields = ['token' => generate_token('plain'), 'do' => $do, 'id' => (string) $id, 'step' => $step];
        foreach ($fields as $name => $value) {
            $html .= '<input type="hidden" name="' . $name . '" value="' . Texts::html($value) . '">';
        }
        return $html . '<button type="submit" class="btn btn-default btn-sm">' . Texts::html($label) . '</button></form>';
    }

    private function step(string $name): string
    {
        return $this->texts['step_' . $name] ?? $name;
    }

    private function text(string $name): string
    {
        return Texts::html($this->texts[$name]);
    }

    private static function alert(string $tone, string $text): string
    {
        return '<div class="alert alert-' . $tone . '" dir="auto">' . Texts::html($text) . '</div>';
    }
}
