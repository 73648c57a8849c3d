<?php // How to reach the shop.

declare(strict_types=1);

namespace SampleShop\Front;

final class ContactController extends Controller
{
    public function show(int $id): void
    {
        $this->page('contact', [
            'title' => $this->say('Contact us'),
            'contacts' => $this->context->db->rows(
                'SELECT email, name, description FROM {contact} JOIN {contact_lang} USING (id_contact)
                 WHERE id_lang = ? ORDER BY position',
                [$this->context->language->id()]
            ),
        ]);
    }
}
