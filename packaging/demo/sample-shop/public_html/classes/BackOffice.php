<?php // Answers an employee: login first, then the page asked for.

declare(strict_types=1);

namespace SampleShop;

final class BackOffice
{
    private const PAGES = [
        'AdminDashboard' => Admin\DashboardController::class,
        'AdminOrders' => Admin\OrdersController::class,
        'AdminProducts' => Admin\ProductsController::class,
        'AdminLogout' => Admin\LogoutController::class,
    ];

    /** @var Context */
    public $context;
    /** @var array|null the employee who is logged in */
    public $employee;

    private function __construct(Context $context)
    {
        $this->context = $context;
        $this->employee = $context->db->row(
            'SELECT e.* FROM {employee} e JOIN {employee_session} s USING (id_employee)
             WHERE e.active = 1 AND s.id_employee_session = ? AND s.token = ?',
            [(int) $context->cookie->get('session'), (string) $context->cookie->get('token')]
        );
    }

    public static function run(): void
    {
        header('Cache-Control: no-store');
        header('X-Frame-Options: DENY');
        try {
            $parameters = Parameters::load();
            Context::refuseMalformedKeys($parameters);
            $db = Database::fromParameters($parameters);
            $shop = Shop::byHost($db, (string) ($_SERVER['HTTP_HOST'] ?? '')) ?? Shop::main($db);
            $path = $shop->path() . basename(_PS_ADMIN_DIR_) . '/';
            $cookie = new SignedCookie('sample_admin', $path, (string) $parameters->get('cookie_key'));
            (new self(new Context($parameters, $db, $shop, $cookie)))->answer();
        } catch (\Throwable $error) {
            error_log((string) $error);
            http_response_code(500);
            echo '<!doctype html><title>Error</title><h1>The back office cannot answer</h1>';
        }
    }

    public function address(string $page): string
    {
        return $this->context->shop->home() . basename(_PS_ADMIN_DIR_) . '/index.php?controller=' . $page;
    }

    public function go(string $page): void
    {
        header('Location: ' . $this->address($page), true, 302);
    }

    public function show(string $template, array $values): void
    {
        header('Content-Type: text/html; charset=utf-8');
        $office = $this;
        $content = self::render($template, $values + ['office' => $office]);
        echo self::render('layout', ['content' => $content, 'office' => $office] + $values);
    }

    private function answer(): void
    {
        $page = is_string($_GET['controller'] ?? null) ? $_GET['controller'] : 'AdminDashboard';
        if ($page === 'AdminLogin' || isset($_POST['submitLogin'])) {
            (new Admin\LoginController($this))->show();
        } elseif ($this->employee === null) {
            $this->go('AdminLogin');
        } elseif (!isset(self::PAGES[$page])) {
            http_response_code(404);
            $this->show('message', ['title' => 'Page not found']);
        } else {
            $class = self::PAGES[$page];
            (new $class($this))->show();
        }
    }

    private static function render(string $template, array $values): string
    {
        extract($values, EXTR_SKIP);
        ob_start();
        require _PS_ADMIN_DIR_ . '/templates/' . $template . '.phtml';

        return (string) ob_get_clean();
    }

    private static function e(?string $text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }
}
