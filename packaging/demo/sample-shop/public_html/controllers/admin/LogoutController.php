<?php // Ends the employee's session, by POST.

declare(strict_types=1);

namespace SampleShop\Admin;

use SampleShop\BackOffice;

final class LogoutController
{
    /** @var BackOffice */
    private $office;

    public function __construct(BackOffice $office)
    {
        $this->office = $office;
    }

    public function show(): void
    {
        if ($this->office->context->cookie->ownsToken((string) ($_POST['csrf'] ?? ''))) {
            $session = (int) $this->office->context->cookie->get('session');
            $this->office->context->db->run('DELETE FROM {employee_session} WHERE id_employee_session = ?', [$session]);
            $this->office->context->cookie->clear();
            $this->office->go('AdminLogin');

            return;
        }
        http_response_code(403);
        $this->office->show('message', ['title' => 'The form has expired. Please try again.']);
    }
}
