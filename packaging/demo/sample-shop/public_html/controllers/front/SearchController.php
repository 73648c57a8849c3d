<?php // Products and articles that hold the words asked for.

declare(strict_types=1);

namespace SampleShop\Front;

final class SearchController extends Controller
{
    public function show(int $id): void
    {
        $asked = $_GET['s'] ?? $_GET['search_query'] ?? '';
        $words = is_string($asked) ? trim($asked) : '';
        $this->page('list', [
            'title' => $this->say('Results for') . ' “' . $words . '”',
            'description' => '',
            'words' => $words,
            'products' => $words === '' ? [] : $this->catalogue->found($words),
            'articles' => $words === '' ? [] : $this->catalogue->articles($words),
        ]);
    }
}
