<?php // The shop itself: address, languages, currencies, configuration, texts that name the domain.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Settings
{
    /** @var Seeder */
    private $seeder;
    /** @var Options */
    private $options;
    /** @var string */
    private $home;

    public function __construct(Seeder $seeder, Options $options)
    {
        $this->seeder = $seeder;
        $this->options = $options;
        $this->home = 'http://' . $options->domain . $options->physicalUri;
    }

    public function fill(): void
    {
        $this->shop();
        $this->places();
        $this->configuration();
        $this->contacts();
        $this->pages();
        $this->menus();
    }

    private function shop(): void
    {
        $domain = $this->options->domain;
        $this->seeder->insert('shop_group', 'id_shop_group name color share_customer share_order share_stock active deleted', [[1, 'Default', '', 0, 0, 0, 1, 0]]);
        $this->seeder->insert('shop', 'id_shop id_shop_group name color id_category theme_name active deleted', [[1, 1, $this->options->shopName, '', 2, 'classic', 1, 0]]);
        $this->seeder->insert('shop_url', 'id_shop_url id_shop domain domain_ssl physical_uri virtual_uri main active', [[1, 1, $domain, $domain, $this->options->physicalUri, '', 1, 1]]);
        $this->seeder->insert('lang', 'id_lang name active iso_code language_code locale date_format_lite date_format_full is_rtl', [
            [1, 'English (English)', 1, 'en', 'en-us', 'en-US', 'm/d/Y', 'm/d/Y H:i:s', 0],
            [2, 'فارسی (Persian)', 1, 'fa', 'fa-ir', 'fa-IR', 'Y-m-d', 'Y-m-d H:i:s', 1],
        ]);
        $this->seeder->insert('lang_shop', 'id_lang id_shop', [[1, 1], [2, 1]]);
        $this->seeder->insert('module', 'name active version', [['ps_sampleslider', 1, '1.0.0'], ['ps_emailalerts', 1, '3.0.0'], ['sampleexport', 1, '1.2.0']]);
    }

    private function places(): void
    {
        $this->seeder->insert('zone', 'id_zone name active', [[1, 'Europe', 1], [2, 'North America', 1], [3, 'Asia', 1]]);
        $countries = [1 => ['DE', 1, 49, 'Germany', 'آلمان'], 2 => ['FR', 1, 33, 'France', 'فرانسه'], 3 => ['GB', 1, 44, 'United Kingdom', 'بریتانیا'], 4 => ['US', 2, 1, 'United States', 'ایالات متحده'], 5 => ['IR', 3, 98, 'Iran', 'ایران'], 6 => ['TR', 3, 90, 'Türkiye', 'ترکیه'], 7 => ['AE', 3, 971, 'United Arab Emirates', 'امارات']];
        foreach ($countries as $id => [$iso, $zone, $prefix, $english, $persian]) {
            $this->seeder->insert('country', 'id_country id_zone iso_code call_prefix active', [[$id, $zone, $iso, $prefix, 1]]);
            $this->seeder->insert('country_lang', 'id_country id_lang name', [[$id, 1, $english], [$id, 2, $persian]]);
            $this->seeder->insert('country_shop', 'id_country id_shop', [[$id, 1]]);
        }
        foreach ([1 => ['Euro', 'EUR', '978', 2, 1.0, '€', '€'], 2 => ['US Dollar', 'USD', '840', 2, 1.08, '$', '$'], 3 => ['Iranian Rial', 'IRR', '364', 0, 45000.0, 'IRR ', 'ریال']] as $id => $c) {
            $this->seeder->insert('currency', 'id_currency name iso_code numeric_iso_code precision conversion_rate active', [[$id, $c[0], $c[1], $c[2], $c[3], $c[4], 1]]);
            $this->seeder->insert('currency_lang', 'id_currency id_lang name symbol pattern', [[$id, 1, $c[0], $c[5], '¤#,##0.00'], [$id, 2, $c[0], $c[6], '#,##0.00 ¤']]);
            $this->seeder->insert('currency_shop', 'id_currency id_shop conversion_rate', [[$id, 1, $c[4]]]);
        }
    }

    /** The last entries hold domain and path in the forms in which modules really store them. */
    private function configuration(): void
    {
        $host = (string) preg_replace('/:\d+$/', '', $this->options->domain);
        $plain = require __DIR__ . '/data/settings.php';
        $plain += [
            'PS_LANG_DEFAULT' => (string) $this->options->language,
            'PS_SHOP_DOMAIN' => $this->options->domain,
            'PS_SHOP_DOMAIN_SSL' => $this->options->domain,
            'PS_SHOP_NAME' => $this->options->shopName,
            'PS_SHOP_EMAIL' => 'hello@' . $host,
            'PS_LOGS_EMAIL_RECEIVERS' => 'log@' . $host,
            'MA_MERCHANT_MAILS' => 'orders@' . $host . "\n" . $this->options->admin['email'],
            'PS_MAIL_DOMAIN' => $host,
            'SAMPLE_SLIDER' => serialize(['title' => 'بهار ☀', 'url' => $this->home . '3-table', 'more' => ['image' => $this->home . 'img/logo.svg', 'speed' => 5.5, 'loop' => true]]),
            'SAMPLE_BANNER' => json_encode(['url' => $this->home . '4-light', 'text' => 'نور', 'wide' => false]),
            'SAMPLE_FEED_STATE' => base64_encode(serialize(['state' => json_encode(['next' => $this->home . 'index.php?controller=search&s=lamp', 'page' => 2]), 'ok' => true])),
            'SAMPLE_EXPORT_DIR' => $this->options->docroot . '/download/',
            'SAMPLE_IMPORT_STATE' => serialize(['root' => $this->options->docroot, 'files' => [$this->options->docroot . '/upload/list.csv'], 'done' => null]),
        ];
        $rows = [];
        foreach ($plain as $name => $value) {
            $rows[] = [null, null, $name, $value, '0000-00-00 00:00:00', Seeder::DATE];
        }
        $this->seeder->insert('configuration', 'id_shop_group id_shop name value date_add date_upd', $rows);
        $id = array_search('PS_INVOICE_PREFIX', array_keys($plain), true) + 1;
        $this->seeder->insert('configuration_lang', 'id_configuration id_lang value date_upd', [[$id, 1, '#IN', null], [$id, 2, '#فا', null]]);
    }

    private function contacts(): void
    {
        $host = (string) preg_replace('/:\d+$/', '', $this->options->domain);
        $this->seeder->insert('contact', 'id_contact email customer_service position', [[1, 'support@' . $host, 1, 0], [2, 'care@' . $host, 1, 1]]);
        $this->seeder->insert('contact_lang', 'id_contact id_lang name description', [
            [1, 1, 'Orders', 'Questions about an order or a delivery.'], [1, 2, 'سفارش‌ها', 'پرسش درباره‌ی سفارش یا ارسال.'],
            [2, 1, 'Products', 'Questions about a product, care and repair.'], [2, 2, 'کالاها', 'پرسش درباره‌ی کالا، نگهداری و تعمیر.'],
        ]);
    }

    private function pages(): void
    {
        $url = rawurlencode($this->home);
        $links = '<p><a href="https://share.example/?u=' . $url . '">Share</a> <a href="' . $this->home . 'contact-us">Contact</a></p>'
            . '<p>Link to us:</p><pre>' . htmlspecialchars('<a href="' . $this->home . '"><img src="' . $this->home . 'img/logo.svg"></a>') . '</pre>';
        $pages = [1 => ['delivery', 'Delivery', 'ارسال', '<p>We send within two days.</p>', '<p>در دو روز می‌فرستیم.</p>'], 2 => ['about-us', 'About us', 'درباره‌ی ما', '<p>A workshop of five people by the river.</p>', '<p>کارگاهی پنج‌نفره کنار رودخانه.</p>']];
        foreach ($pages as $id => [$slug, $english, $persian, $text, $persianText]) {
            $this->seeder->insert('cms', 'id_cms id_cms_category position active indexation', [[$id, 1, $id, 1, 1]]);
            $this->seeder->insert('cms_lang', 'id_cms id_lang id_shop meta_title content link_rewrite', [
                [$id, 1, 1, $english, $text . $links, $slug], [$id, 2, 1, $persian, $persianText . $links, $slug],
            ]);
            $this->seeder->insert('cms_shop', 'id_cms id_shop', [[$id, 1]]);
        }
    }

    private function menus(): void
    {
        foreach ([1 => ['About us', 'درباره‌ی ما', 'content/2-about-us'], 2 => ['Delivery', 'ارسال', 'content/1-delivery']] as $id => [$english, $persian, $path]) {
            $this->seeder->insert('linksmenutop', 'id_linksmenutop id_shop new_window', [[$id, 1, 0]]);
            $this->seeder->insert('linksmenutop_lang', 'id_linksmenutop id_lang id_shop label link', [[$id, 1, 1, $english, $this->home . $path], [$id, 2, 1, $persian, $this->home . $path]]);
        }
        $this->seeder->insert('homeslider_slides_lang', 'id_homeslider_slides id_lang title description legend url image', [
            [1, 1, 'Objects for a quiet home', 'Made by hand in small numbers, sent to your door.', '', $this->home . '3-table', ''],
            [1, 2, 'چیزهایی برای خانه‌ای آرام', 'دست‌ساز، در شمار اندک، تا درِ خانه‌ی شما.', '', $this->home . '3-table', ''],
        ]);
    }
}
