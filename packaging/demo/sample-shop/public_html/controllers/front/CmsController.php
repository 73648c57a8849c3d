<?php // A page of text that the shopkeeper wrote.

declare(strict_types=1);

namespace SampleShop\Front;

final class CmsController extends Controller
{
    public function show(int $id): void
    {
        $page = $this->context->db->row(
            'SELECT meta_title, content FROM {cms} JOIN {cms_lang} USING (id_cms)
             WHERE active = 1 AND id_cms = ? AND id_shop = ? AND id_lang = ?',
            [$id, $this->context->shop->id(), $this->context->language->id()]
        );
        if ($page === null) {
            $this->notFound();

            return;
        }
        $this->page('cms', ['title' => $page['meta_title'], 'html' => $page['content']]);
    }
}
