<?php
/** WHMCS's global functions for modules, as documented; what they are asked to do is written to double_* tables. */

declare(strict_types=1);

namespace Double {

    use WHMCS\Database\Capsule;

    const HOOKS = [
        'AcceptOrder', 'PreModuleCreate', 'AfterModuleCreate', 'AfterModuleCreateFailed', 'AfterModuleTerminate',
        'AfterModuleChangePackage', 'AfterProductUpgrade', 'EmailPreSend', 'EmailTplMergeFields', 'AfterCronJob',
        'DailyCronJob', 'ClientAreaPage', 'ClientAreaPageProductDetails', 'ClientAreaProductDetails',
        'ClientAreaProductDetailsPreModuleTemplate', 'ClientAreaProductDetailsOutput', 'ClientAreaPrimarySidebar',
        'ClientAreaSecondarySidebar', 'ClientAreaHomepagePanels', 'ClientAreaPageProductsServices', 'ServiceDelete',
    ];

    final class World
    {
        /** point => [[priority, callable]] */
        public static $hooks = [];
        public static $queries = 0;
        public static $request = '';
        public static $counting = true;
    }

    function note_query(string $sql): void
    {
        World::$queries += 1;
        if (World::$request !== '') {
            $write = Capsule::pdo()->prepare('INSERT INTO double_queries (request, statement) VALUES (?, ?)');
            $write->execute([World::$request, $sql]);
        }
    }

    /** Call the callbacks of a hook point, lowest priority number first; return what they returned. */
    function run_hook(string $point, ...$arguments): array
    {
        if (!in_array($point, HOOKS, true)) {
            throw new \LogicException("there is no hook point $point");
        }
        $callbacks = World::$hooks[$point] ?? [];
        usort($callbacks, static function (array $a, array $b) {
            return $a[0] <=> $b[0];
        });
        $results = [];
        foreach ($callbacks as $callback) {
            $results[] = ($callback[1])(...$arguments);
        }
        return array_values(array_filter($results, static function ($result) {
            return $result !== null;
        }));
    }
}

namespace {

    use Double\World;
    use WHMCS\Database\Capsule;

    function add_hook(string $point, int $priority, callable $callback): void
    {
        if (!in_array($point, \Double\HOOKS, true)) {
            throw new LogicException("there is no hook point $point");
        }
        World::$hooks[$point][] = [$priority, $callback];
    }

    function logActivity(string $message, int $clientId = 0): void
    {
        Capsule::pdo()->prepare('INSERT INTO double_log (message, client_id) VALUES (?, ?)')
            ->execute([$message, $clientId]);
    }

    function localAPI(string $command, array $values, string $admin = ''): array
    {
        if ($command === 'DecryptPassword' && array_keys($values) === ['password2']) {
            return ['result' => 'success', 'password' => (string) base64_decode(substr($values['password2'], 4))];
        }
        if ($command === 'SendEmail' && array_keys($values) === ['messagename', 'id']) {
            return \Double\Mails::api($values['messagename'], $values['id'], []);
        }
        throw new LogicException("localAPI $command with these values is not expected of the addon");
    }

    function generate_token(string $type): string
    {
        if ($type !== 'plain') {
            throw new LogicException('only the plain token is used');
        }
        return 'csrf-' . md5(json_encode($_SESSION));
    }

    function check_token(string $name = 'WHMCS.default'): void
    {
        if ($name !== 'WHMCS.admin.default' || ($_POST['token'] ?? '') !== generate_token('plain')) {
            http_response_code(403);
            die('Invalid Token');
        }
    }
}
