<?php // Reads products, categories and what belongs to them, in the visitor's language.

declare(strict_types=1);

namespace SampleShop;

final class Catalogue
{
    private const PRODUCT = 'SELECT p.id_product, p.reference, ps.price, l.name, l.link_rewrite, l.description,
            l.description_short, i.id_image, q.quantity
        FROM {product} p
        JOIN {product_shop} ps ON ps.id_product = p.id_product AND ps.id_shop = :shop AND ps.active = 1
        JOIN {product_lang} l ON l.id_product = p.id_product AND l.id_shop = ps.id_shop AND l.id_lang = :lang
        LEFT JOIN {image_shop} i ON i.id_product = p.id_product AND i.id_shop = ps.id_shop AND i.cover = 1
        LEFT JOIN {stock_available} q ON q.id_product = p.id_product AND q.id_shop = ps.id_shop ';

    /** @var Database */
    private $db;
    /** @var array */
    private $scope;

    public function __construct(Context $context)
    {
        $this->db = $context->db;
        $this->scope = ['shop' => $context->shop->id(), 'lang' => $context->language->id()];
    }

    public function newest(int $limit): array
    {
        return $this->db->rows(self::PRODUCT . 'ORDER BY p.date_add DESC, p.id_product LIMIT ' . $limit, $this->scope);
    }

    public function bestRated(int $limit): array
    {
        $sql = self::PRODUCT . 'JOIN {samplebestrated} b ON b.id_product = p.id_product
            ORDER BY b.stars DESC, p.id_product LIMIT ' . $limit;

        return $this->db->rows($sql, $this->scope);
    }

    public function inCategory(int $category): array
    {
        $sql = self::PRODUCT . 'JOIN {category_product} c ON c.id_product = p.id_product AND c.id_category = :category
            ORDER BY c.position, p.id_product';

        return $this->db->rows($sql, $this->scope + ['category' => $category]);
    }

    public function found(string $words): array
    {
        $sql = self::PRODUCT . 'WHERE p.id_product IN (
                SELECT x.id_product FROM {search_index} x JOIN {search_word} w USING (id_word)
                WHERE w.id_lang = :word_lang AND w.word LIKE :word)
            OR l.name LIKE :name ORDER BY p.id_product LIMIT 24';
        $values = ['word_lang' => $this->scope['lang'], 'word' => $words . '%', 'name' => '%' . $words . '%'];

        return $this->db->rows($sql, $this->scope + $values);
    }

    public function product(int $id): ?array
    {
        $product = $this->db->row(self::PRODUCT . 'WHERE p.id_product = :id', $this->scope + ['id' => $id]);
        if ($product === null) {
            return null;
        }
        $product['images'] = $this->db->rows(
            'SELECT id_image, legend FROM {image} JOIN {image_lang} USING (id_image)
             WHERE id_product = ? AND id_lang = ? ORDER BY position',
            [$id, $this->scope['lang']]
        );
        $product['maker'] = $this->db->value('SELECT name FROM {samplemaker} WHERE id_maker = 1 + ? % 4', [$id]);
        $product['documents'] = $this->db->rows('SELECT id_document, name FROM {sampledocument} WHERE id_product = ?', [$id]);
        $product['reviews'] = $this->db->rows(
            'SELECT author, stars, body FROM {samplereview} WHERE id_product = ? ORDER BY id_lang = ? DESC, id_review',
            [$id, $this->scope['lang']]
        );
        $product['review_count'] = (int) $this->db->value('SELECT reviews FROM {samplerating} WHERE id_product = ?', [$id]);

        return $product;
    }

    public function categories(): array
    {
        return $this->db->rows(
            'SELECT id_category, name, link_rewrite, description FROM {category} JOIN {category_lang} USING (id_category)
             WHERE active = 1 AND level_depth = 2 AND id_shop = :shop AND id_lang = :lang ORDER BY position',
            $this->scope
        );
    }

    public function articles(string $words = ''): array
    {
        $match = $words === '' ? '' : 'AND MATCH (title, body) AGAINST (:words)';
        $sql = 'SELECT title, body FROM {samplearticle} WHERE id_lang = :lang ' . $match . ' ORDER BY id_article LIMIT 3';
        $values = ['lang' => $this->scope['lang']] + ($words === '' ? [] : ['words' => $words]);

        return $this->db->rows($sql, $values);
    }
}
