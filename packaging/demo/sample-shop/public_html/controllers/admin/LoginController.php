<?php // The back office's door: form, password check, new session.

declare(strict_types=1);

namespace SampleShop\Admin;

use SampleShop\BackOffice;

final class LoginController
{
    /** @var BackOffice */
    private $office;

    public function __construct(BackOffice $office)
    {
        $this->office = $office;
    }

    public function show(): void
    {
        $blocked = $this->whyBlocked();
        if ($blocked !== null) {
            $this->office->show('message', ['title' => $blocked]);
        } elseif (isset($_POST['submitLogin'])) {
            $this->answer($this->check());
        } else {
            $this->form(null);
        }
    }

    private function form(?string $error): void
    {
        $this->office->show('login', ['title' => 'Log in', 'error' => $error, 'email' => (string) ($_POST['email'] ?? '')]);
    }

    private function whyBlocked(): ?string
    {
        if (is_dir(_PS_ROOT_DIR_ . '/install')) {
            return 'For security reasons, delete the folder "install" first.';
        }
        if (basename(_PS_ADMIN_DIR_) === 'admin') {
            return 'For security reasons, rename the folder "admin" first.';
        }

        return null;
    }

    /** @return string|null the reason for refusal; null when the employee is logged in */
    private function check(): ?string
    {
        $script = ($_SERVER['HTTP_X_REQUESTED_WITH'] ?? '') === 'XMLHttpRequest';
        if (!$script && !$this->office->context->cookie->ownsToken((string) ($_POST['csrf'] ?? ''))) {
            return 'The form has expired. Please try again.';
        }
        $db = $this->office->context->db;
        $email = (string) ($_POST['email'] ?? '');
        $employee = $db->row('SELECT id_employee, passwd FROM {employee} WHERE active = 1 AND email = ?', [$email]);
        if ($employee === null || !password_verify((string) ($_POST['passwd'] ?? ''), $employee['passwd'])) {
            usleep(300000);

            return 'The employee does not exist, or the password provided is incorrect.';
        }
        $token = bin2hex(random_bytes(20));
        $db->run(
            'INSERT INTO {employee_session} (id_employee, token, date_add, date_upd) VALUES (?, ?, NOW(), NOW())',
            [$employee['id_employee'], $token]
        );
        $session = $db->lastId();
        $db->run('UPDATE {employee} SET last_connection_date = CURDATE() WHERE id_employee = ?', [$employee['id_employee']]);
        $this->office->context->cookie->set(['session' => $session, 'token' => $token, 'salt' => bin2hex(random_bytes(12))]);

        return null;
    }

    private function answer(?string $error): void
    {
        if (isset($_POST['ajax'])) {
            header('Content-Type: application/json');
            echo json_encode($error === null
                ? ['hasErrors' => false, 'redirect' => $this->office->address('AdminDashboard')]
                : ['hasErrors' => true, 'errors' => [$error]]);
        } elseif ($error === null) {
            $this->office->go('AdminDashboard');
        } else {
            $this->form($error);
        }
    }
}
