<?php // Renders a theme template inside the shop's layout; every value is escaped by e().

declare(strict_types=1);

namespace SampleShop;

final class View
{
    /** @var Context */
    private $context;

    public function __construct(Context $context)
    {
        $this->context = $context;
    }

    public function show(string $template, array $values): void
    {
        header('Content-Type: text/html; charset=utf-8');
        header('X-Content-Type-Options: nosniff');
        $values += ['title' => '', 'categories' => (new Catalogue($this->context))->categories()];
        $values['menu'] = $this->context->db->rows(
            'SELECT label, link FROM {linksmenutop_lang} WHERE id_lang = ? ORDER BY id_linksmenutop',
            [$this->context->language->id()]
        );
        $values['content'] = $this->render($template, $values);
        echo $this->render('layout', $values);
    }

    public function render(string $template, array $values): string
    {
        $shop = $this->context->shop;
        $language = $this->context->language;
        $currency = $this->context->currency;
        $cookie = $this->context->cookie;
        extract($values, EXTR_SKIP);
        ob_start();
        require _PS_ROOT_DIR_ . '/themes/classic/templates/' . $template . '.phtml';

        return (string) ob_get_clean();
    }

    private static function e(?string $text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }
}
