<?php // Shows the cart and changes it by POST.

declare(strict_types=1);

namespace SampleShop\Front;

use SampleShop\Cart;

final class CartController extends Controller
{
    public function show(int $id): void
    {
        $cart = new Cart($this->context);
        if (($_SERVER['REQUEST_METHOD'] ?? 'GET') === 'POST') {
            $this->change($cart);

            return;
        }
        $lines = [];
        $total = 0.0;
        foreach ($cart->lines() as $product => $quantity) {
            $line = $this->catalogue->product($product);
            if ($line !== null) {
                $lines[] = ['quantity' => $quantity, 'sum' => $quantity * (float) $line['price']] + $line;
                $total += $quantity * (float) $line['price'];
            }
        }
        $this->page('cart', ['title' => $this->say('Cart'), 'lines' => $lines, 'total' => $total]);
    }

    private function change(Cart $cart): void
    {
        if (!$this->context->cookie->ownsToken((string) ($_POST['token'] ?? ''))) {
            http_response_code(403);
            $this->page('notfound', ['title' => $this->say('Cart')]);

            return;
        }
        $product = (int) ($_POST['id_product'] ?? 0);
        if (isset($_POST['delete'])) {
            $cart->remove($product);
        } elseif ($this->catalogue->product($product) !== null) {
            $cart->add($product, (int) ($_POST['qty'] ?? 1));
        }
        header('Location: ' . $this->context->shop->link('cart'), true, 303);
    }
}
