<?php // The page for addresses that lead nowhere; remembers them.

declare(strict_types=1);

namespace SampleShop\Front;

final class NotFoundController extends Controller
{
    public function show(int $id): void
    {
        $this->context->db->run(
            'INSERT INTO {pagenotfound} (id_shop, request_uri, http_referer, date_add) VALUES (?, ?, ?, NOW())',
            [
                $this->context->shop->id(),
                substr((string) ($_SERVER['REQUEST_URI'] ?? ''), 0, 256),
                substr((string) ($_SERVER['HTTP_REFERER'] ?? ''), 0, 256),
            ]
        );
        http_response_code(404);
        $this->page('notfound', ['title' => $this->say('Page not found')]);
    }
}
