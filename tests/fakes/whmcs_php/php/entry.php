<?php
/** One request that is no page: activation, a hook, a module action, cron. Reads JSON, writes JSON, ends. */

declare(strict_types=1);

use Double\World;
use WHMCS\Database\Capsule;

require __DIR__ . '/boot.php';

/** Call the addon's own function. */
function addon(string $function, ...$arguments)
{
    require_once Double\settings()['addon'] . '/shoplaunch.php';
    return ('shoplaunch_' . $function)(...$arguments);
}

/** Do what the harness asks and return the result. */
function perform(array $asked)
{
    switch ($asked['do']) {
        case 'config':
            return addon('config');
        case 'activate':
            return addon('activate');
        case 'deactivate':
            return addon('deactivate');
        case 'upgrade':
            addon('upgrade', ['version' => $asked['version']] + Double\addon_vars('english'));
            return null;
        case 'together':
            return array_map('perform', $asked['acts']);
        case 'fire':
            return Double\run_hook($asked['hook'], ...$asked['arguments']);
        case 'create':
            return Double\create($asked['service'], $asked['params'], $asked['order'], $asked['failure']);
        case 'terminate':
            return Double\terminate($asked['service'], $asked['params']);
        case 'accept':
            return Double\accept($asked['order']);
        case 'mail':
            return Double\Mails::send($asked['name'], $asked['relid'], []);
        case 'render':
            return Double\Smarty::fill($asked['text'], $asked['variables']);
        case 'api_mail':
            return Double\Mails::api($asked['name'], $asked['relid'], $asked['fields']);
        case 'ticket_mail':
            Double\Mails::ofTicket(...$asked['mail']);
            return null;
        case 'params':
            return Double\params($asked['service'], $asked['params']);
        case 'bench':
            return bench($asked['rounds']);
    }
    throw new LogicException('unknown request');
}

/** Return seconds per round of the hooks of a page that does not concern the addon. */
function bench(int $rounds): array
{
    World::$request = '';
    $menu = new WHMCS\View\Menu\Item('Primary Sidebar');
    $menu->addChild('Client Details');
    $started = microtime(true);
    for ($round = 0; $round < $rounds; $round++) {
        Double\run_hook('ClientAreaPrimarySidebar', $menu);
        Double\run_hook('ClientAreaSecondarySidebar', $menu);
        Double\run_hook('ClientAreaPage', ['filename' => 'index']);
    }
    $hooks = (microtime(true) - $started) / $rounds;
    $started = microtime(true);
    for ($round = 0; $round < $rounds; $round++) {
        World::$hooks = [];
        include Double\settings()['addon'] . '/hooks.php';
    }
    return ['file' => (microtime(true) - $started) / $rounds, 'hooks' => $hooks];
}

$asked = json_decode((string) stream_get_contents(STDIN), true);
Double\boot($asked['session'] ?? [], $asked['area'] ?? 'admin');
World::$request = $asked['count'] ?? '';
World::$queries = 0;
$result = perform($asked);
World::$request = '';
$answer = ['result' => $result, 'queries' => World::$queries];
file_put_contents(getenv('WHMCS_DOUBLE_ANSWER'), json_encode($answer));
