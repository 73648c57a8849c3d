<?php // What a page needs to know: settings, database, shop, language, currency, visitor.

declare(strict_types=1);

namespace SampleShop;

final class Context
{
    /** @var Parameters */
    public $parameters;
    /** @var Database */
    public $db;
    /** @var Shop */
    public $shop;
    /** @var Language */
    public $language;
    /** @var array */
    public $currency;
    /** @var SignedCookie */
    public $cookie;

    public function __construct(Parameters $parameters, Database $db, Shop $shop, SignedCookie $cookie)
    {
        $this->parameters = $parameters;
        $this->db = $db;
        $this->shop = $shop;
        $this->cookie = $cookie;
        $wanted = (int) ($_GET['id_lang'] ?? $cookie->get('id_lang') ?? 0);
        $this->language = Language::choose($db, $wanted, (int) $shop->setting('PS_LANG_DEFAULT'));
        $this->currency = $db->row(
            'SELECT c.iso_code, c.precision AS decimals, l.symbol FROM {currency} c JOIN {currency_lang} l USING (id_currency)
             WHERE id_currency = ? AND id_lang = ?',
            [(int) $shop->setting('PS_CURRENCY_DEFAULT'), $this->language->id()]
        ) ?? ['iso_code' => '', 'decimals' => 2, 'symbol' => ''];
    }

    public static function refuseMalformedKeys(Parameters $parameters): void
    {
        $bad = Secrets::malformed($parameters);
        if ($bad) {
            throw new \RuntimeException('malformed keys: ' . implode(', ', $bad));
        }
    }
}
