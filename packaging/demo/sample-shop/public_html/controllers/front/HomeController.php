<?php // The front page: slide, newest and best rated products, articles.

declare(strict_types=1);

namespace SampleShop\Front;

final class HomeController extends Controller
{
    public function show(int $id): void
    {
        $this->page('home', [
            'slide' => $this->context->db->row(
                'SELECT title, description, url FROM {homeslider_slides_lang} WHERE id_lang = ?',
                [$this->context->language->id()]
            ),
            'newest' => $this->catalogue->newest(8),
            'rated' => $this->catalogue->bestRated(4),
            'articles' => $this->catalogue->articles(),
        ]);
    }
}
