<?php // The products of one category.

declare(strict_types=1);

namespace SampleShop\Front;

final class CategoryController extends Controller
{
    public function show(int $id): void
    {
        $category = array_column($this->catalogue->categories(), null, 'id_category')[$id] ?? null;
        if ($category === null) {
            $this->notFound();

            return;
        }
        $this->page('list', [
            'title' => $category['name'],
            'description' => $category['description'],
            'products' => $this->catalogue->inCategory($id),
            'articles' => [],
        ]);
    }
}
