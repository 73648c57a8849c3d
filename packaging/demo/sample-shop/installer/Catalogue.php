<?php // Categories, products, pictures' rows, reviews, articles and the search index.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Catalogue
{
    /** @var Seeder */
    private $seeder;
    /** @var Options */
    private $options;
    /** @var array */
    private $data;

    public function __construct(Seeder $seeder, Options $options)
    {
        $this->seeder = $seeder;
        $this->options = $options;
        $this->data = require __DIR__ . '/data/catalogue.php';
    }

    public function fill(): void
    {
        $this->categories();
        foreach ($this->data['products'] as $id => $product) {
            $this->product($id, $product);
        }
        $this->images();
        $this->opinions();
        $this->searchWords();
        $this->seeder->insert('samplemaker', 'id_maker name note', [
            [1, 'Møller & Søn', 'Århus'], [2, 'Atelier Crème', 'Besançon – « fait main »'], [3, 'Werkstatt Grün', 'Köln'], [4, 'Taller Ñandú', 'Málaga'],
        ]);
    }

    private function categories(): void
    {
        $all = [
            1 => ['root', ['Root', 'ریشه'], ['', '']],
            2 => ['home', ['Home', 'خانه'], ['', '']],
        ] + $this->data['categories'];
        foreach ($all as $id => [$slug, $name, $text]) {
            $this->seeder->insert('category', 'id_category id_parent level_depth nleft nright active date_add date_upd position is_root_category', [
                [$id, $id > 2 ? 2 : $id - 1, min($id - 1, 2), $id > 2 ? 2 * $id - 3 : $id, $id > 2 ? 2 * $id - 2 : 13 - $id, 1, Seeder::DATE, Seeder::DATE, max($id - 3, 0), (int) ($id === 2)],
            ]);
            $this->seeder->insert('category_lang', 'id_category id_shop id_lang name description link_rewrite meta_title', [
                [$id, 1, 1, $name[0], $text[0], $slug, ''], [$id, 1, 2, $name[1], $text[1], $slug, ''],
            ]);
            $this->seeder->insert('category_shop', 'id_category id_shop position', [[$id, 1, max($id - 3, 0)]]);
        }
    }

    private function product(int $id, array $product): void
    {
        [$slug, $reference, $price, $category, , $name, $short] = $product;
        $added = sprintf('2025-03-%02d 10:00:00', 30 - $id);
        $home = 'http://' . $this->options->domain . $this->options->physicalUri;
        $this->seeder->insert('product', 'id_product id_category_default id_tax_rules_group price wholesale_price reference active available_date indexed date_add date_upd', [
            [$id, $category, 1, $price, round($price * 0.4, 6), $reference, 1, '0000-00-00', 1, $added, '0000-00-00 00:00:00'],
        ]);
        $more = $home . ($id % 12 + 1) . '-' . $this->data['products'][$id % 12 + 1][0] . '.html';
        $this->seeder->insert('product_lang', 'id_product id_shop id_lang description description_short link_rewrite meta_title name', [
            [$id, 1, 1, '<p>' . $short[0] . ' Every piece differs a little.</p><p><a href="' . $more . '">Goes well with this</a></p>', $short[0], $slug, '', $name[0]],
            [$id, 1, 2, '<p>' . $short[1] . ' هر تکه اندکی متفاوت است.</p><p><a href="' . $more . '">با این خوب می‌نشیند</a></p>', $short[1], $slug, '', $name[1]],
        ]);
        $this->seeder->insert('product_shop', 'id_product id_shop id_category_default id_tax_rules_group price active available_date date_add date_upd', [
            [$id, 1, $category, 1, $price, 1, '0000-00-00', $added, Seeder::DATE],
        ]);
        $this->seeder->insert('stock_available', 'id_product id_product_attribute id_shop id_shop_group quantity', [[$id, 0, 1, 0, $id * 7 % 23]]);
        $this->seeder->insert('category_product', 'id_category id_product position', [[2, $id, $id], [$category, $id, $id]]);
    }

    private function images(): void
    {
        foreach ($this->data['images'] as $image => [$product, $cover]) {
            $name = $this->data['products'][$product][5];
            $this->seeder->insert('image', 'id_image id_product position cover', [[$image, $product, $cover ? 1 : 2, $cover ?: null]]);
            $this->seeder->insert('image_lang', 'id_image id_lang legend', [[$image, 1, $name[0]], [$image, 2, $name[1]]]);
            $this->seeder->insert('image_shop', 'id_product id_image id_shop cover', [[$product, $image, 1, $cover ?: null]]);
        }
    }

    private function opinions(): void
    {
        foreach (array_keys($this->data['products']) as $product) {
            $this->seeder->insert('samplerating', 'id_product reviews', [[$product, 0]]);
            foreach ($this->data['reviews'] as $lang => $reviews) {
                foreach ($reviews as $number => [$author, $stars, $body]) {
                    $stars = max(3, $stars - ($product * ($number + 1)) % 3);
                    $this->seeder->insert('samplereview', 'id_product id_lang author stars body', [[$product, $lang, $author, $stars, $body]]);
                }
            }
        }
        foreach ($this->data['articles'] as $lang => $articles) {
            foreach ($articles as [$title, $body]) {
                $this->seeder->insert('samplearticle', 'id_lang title body', [[$lang, $title, $body]]);
            }
        }
    }

    /** Words of the products' names, and as many made-up ones as a grown index has. */
    private function searchWords(): void
    {
        $words = [];
        foreach ($this->data['products'] as $id => $product) {
            foreach ([1, 2] as $lang) {
                foreach (explode(' ', mb_strtolower($product[5][$lang - 1] . ' ' . $product[1])) as $word) {
                    $words[$lang . ' ' . $word][$id] = 6;
                }
            }
        }
        for ($i = 0; $i < 420; ++$i) {
            for ($id = 1; $id <= 12; ++$id) {
                if (($i + $id) % 5 !== 0) {
                    $words['1 zz' . substr(md5('word' . $i), 0, 8)][$id] = 1 + $i % 5;
                }
            }
        }
        $index = [];
        $number = 0;
        foreach ($words as $key => $products) {
            [$lang, $word] = explode(' ', (string) $key);
            $this->seeder->insert('search_word', 'id_word id_shop id_lang word', [[++$number, 1, $lang, $word]]);
            foreach ($products as $product => $weight) {
                $index[] = [$product, $number, $weight];
            }
        }
        $this->seeder->insert('search_index', 'id_product id_word weight', $index);
    }
}
