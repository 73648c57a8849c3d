<?php // The language of a page: direction, phrases, numbers and prices.

declare(strict_types=1);

namespace SampleShop;

final class Language
{
    /** @var array */
    private $row;
    /** @var array<string, string> */
    private $phrases;

    private function __construct(array $row)
    {
        $this->row = $row;
        $this->phrases = $row['iso_code'] === 'fa' ? require _PS_ROOT_DIR_ . '/config/phrases.fa.php' : [];
    }

    /** The language asked for if the shop speaks it, else the shop's own. */
    public static function choose(Database $db, int $wanted, int $default): self
    {
        $rows = $db->rows(
            'SELECT * FROM {lang} WHERE active = 1 ORDER BY id_lang = ? DESC, id_lang = ? DESC, id_lang',
            [$wanted, $default]
        );

        return new self($rows[0]);
    }

    public function id(): int
    {
        return (int) $this->row['id_lang'];
    }

    public function code(): string
    {
        return $this->row['iso_code'];
    }

    public function direction(): string
    {
        return $this->row['is_rtl'] ? 'rtl' : 'ltr';
    }

    public function say(string $phrase): string
    {
        return $this->phrases[$phrase] ?? $phrase;
    }

    public function digits(string $text): string
    {
        $persian = ['۰', '۱', '۲', '۳', '۴', '۵', '۶', '۷', '۸', '۹'];

        return $this->code() === 'fa' ? strtr($text, $persian + ['.' => '٫', ',' => '٬']) : $text;
    }

    /** Given an amount and a currency with `symbol` and `decimals`, return it as this language writes it. */
    public function price(float $amount, array $currency): string
    {
        $number = $this->digits(number_format($amount, (int) $currency['decimals'], '.', ','));

        return $this->row['is_rtl'] ? $number . ' ' . $currency['symbol'] : $currency['symbol'] . $number;
    }
}
