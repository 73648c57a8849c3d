<?php // The visitor's cart, kept in the database and named by the signed cookie.

declare(strict_types=1);

namespace SampleShop;

final class Cart
{
    /** @var Context */
    private $context;

    public function __construct(Context $context)
    {
        $this->context = $context;
    }

    public function add(int $product, int $quantity): void
    {
        $this->context->db->run(
            'INSERT INTO {cart_product} (id_cart, id_product, id_shop, quantity, date_add) VALUES (?, ?, ?, ?, NOW())
             ON DUPLICATE KEY UPDATE quantity = quantity + VALUES(quantity)',
            [$this->ensure(), $product, $this->context->shop->id(), max(1, min($quantity, 99))]
        );
    }

    public function remove(int $product): void
    {
        $this->context->db->run('DELETE FROM {cart_product} WHERE id_cart = ? AND id_product = ?', [$this->id(), $product]);
    }

    /** @return array<int, int> quantity by product */
    public function lines(): array
    {
        $rows = $this->context->db->rows(
            'SELECT id_product, quantity FROM {cart_product} WHERE id_cart = ? ORDER BY date_add, id_product',
            [$this->id()]
        );

        return array_map('intval', array_column($rows, 'quantity', 'id_product'));
    }

    private function id(): int
    {
        return (int) $this->context->cookie->get('id_cart');
    }

    private function ensure(): int
    {
        if ($this->id() !== 0) {
            return $this->id();
        }
        $this->context->db->run(
            'INSERT INTO {cart} (id_shop, id_carrier, delivery_option, id_lang, id_address_delivery, id_address_invoice,
                id_currency, id_customer, id_guest, secure_key, date_add, date_upd)
             VALUES (?, 0, \'\', ?, 0, 0, ?, 0, ?, ?, NOW(), NOW())',
            [
                $this->context->shop->id(),
                $this->context->language->id(),
                (int) $this->context->shop->setting('PS_CURRENCY_DEFAULT'),
                (int) $this->context->cookie->get('id_guest'),
                bin2hex(random_bytes(16)),
            ]
        );
        $this->context->cookie->set(['id_cart' => $this->context->db->lastId()]);

        return $this->id();
    }
}
