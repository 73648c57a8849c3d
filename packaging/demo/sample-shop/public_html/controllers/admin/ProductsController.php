<?php // The products and their stock.

declare(strict_types=1);

namespace SampleShop\Admin;

use SampleShop\BackOffice;

final class ProductsController
{
    /** @var BackOffice */
    private $office;

    public function __construct(BackOffice $office)
    {
        $this->office = $office;
    }

    public function show(): void
    {
        $this->office->show('table', ['title' => 'Products', 'rows' => $this->office->context->db->rows(
            'SELECT p.id_product AS id, p.reference, l.name, ROUND(p.price, 2) AS price, q.quantity
             FROM {product} p JOIN {product_lang} l ON l.id_product = p.id_product AND l.id_lang = ?
             LEFT JOIN {stock_available} q ON q.id_product = p.id_product ORDER BY p.id_product',
            [$this->office->context->language->id()]
        )]);
    }
}
