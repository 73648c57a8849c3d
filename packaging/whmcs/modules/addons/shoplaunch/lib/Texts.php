<?php
/** The addon's texts in the reader's language, with numbers and markup as that language writes them. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class Texts
{
    private const DIGITS = ['۰', '۱', '۲', '۳', '۴', '۵', '۶', '۷', '۸', '۹'];

    /**
     * Return the texts for a page: those WHMCS passes, in English where a translation lacks one.
     *
     * @return array<string, string>
     */
    public static function of(array $vars): array
    {
        $given = isset($vars['_lang']) && is_array($vars['_lang']) ? $vars['_lang'] : [];
        return isset($given['code']) ? $given + self::file('english') : self::ofClient();
    }

    /**
     * Return the texts in the language of the client area's session.
     *
     * @return array<string, string>
     */
    public static function ofClient(): array
    {
        $language = isset($_SESSION['Language']) && is_string($_SESSION['Language']) ? $_SESSION['Language'] : '';
        $english = self::file('english');
        return Settings::languageCode($language) === 'fa' ? self::file('farsi') + $english : $english;
    }

    /**
     * Return `$texts` for the product of a service's status document: a shop, or where it says `site` a site.
     *
     * @return array<string, string>
     */
    public static function about(array $document, array $texts): array
    {
        foreach (($document['noun'] ?? '') === 'site' ? $texts : [] as $name => $text) {
            if (strpos((string) $name, 'site_') === 0) {
                $texts[substr($name, 5)] = $text;
            }
        }
        return $texts;
    }

    /** Return `$number` with the language's digits and per cent sign. */
    public static function percent(int $number, array $texts): string
    {
        return self::number($number, $texts) . ($texts['code'] === 'fa' ? '٪' : '%');
    }

    /** Return `$number` with the language's digits. */
    public static function number(int $number, array $texts): string
    {
        return $texts['code'] === 'fa' ? str_replace(range(0, 9), self::DIGITS, (string) $number) : (string) $number;
    }

    /** Return `$text` for HTML, element or attribute. */
    public static function html($text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }

    /** @return array<string, string> */
    private static function file(string $name): array
    {
        $_ADDONLANG = [];
        require dirname(__DIR__) . '/lang/' . $name . '.php';
        return $_ADDONLANG;
    }
}
