<?php // One product with its pictures, documents and reviews.

declare(strict_types=1);

namespace SampleShop\Front;

final class ProductController extends Controller
{
    public function show(int $id): void
    {
        $product = $this->catalogue->product($id);
        if ($product === null) {
            $this->notFound();

            return;
        }
        $this->page('product', ['title' => $product['name'], 'product' => $product]);
    }
}
