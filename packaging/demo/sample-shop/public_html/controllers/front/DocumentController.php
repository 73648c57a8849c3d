<?php // Hands out a product's document after checking that its bytes are intact.

declare(strict_types=1);

namespace SampleShop\Front;

final class DocumentController extends Controller
{
    public function show(int $id): void
    {
        $document = $this->context->db->row('SELECT name, content, sha1 FROM {sampledocument} WHERE id_document = ?', [$id]);
        if ($document === null) {
            $this->notFound();

            return;
        }
        if (!hash_equals($document['sha1'], sha1($document['content'], true))) {
            throw new \RuntimeException('document ' . $id . ' is damaged');
        }
        header('Content-Type: application/octet-stream');
        header('Content-Disposition: attachment; filename="' . $document['name'] . '"');
        echo $document['content'];
    }
}
