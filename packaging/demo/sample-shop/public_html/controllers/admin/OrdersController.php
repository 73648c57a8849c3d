<?php // The orders, read through the compiled container.

declare(strict_types=1);

namespace SampleShop\Admin;

use SampleShop\BackOffice;
use SampleShop\Container;

final class OrdersController
{
    /** @var BackOffice */
    private $office;

    public function __construct(BackOffice $office)
    {
        $this->office = $office;
    }

    public function show(): void
    {
        $db = Container::database($this->office->context->parameters);
        $this->office->show('table', ['title' => 'Orders', 'rows' => $db->rows(
            'SELECT o.reference, CONCAT(c.firstname, " ", c.lastname) AS customer, o.payment, s.name AS state,
                ROUND(o.total_paid, 2) AS total, o.date_add AS date
             FROM {orders} o JOIN {customer} c USING (id_customer)
             LEFT JOIN {order_state_lang} s ON s.id_order_state = o.current_state AND s.id_lang = 1
             ORDER BY o.id_order DESC'
        )]);
    }
}
