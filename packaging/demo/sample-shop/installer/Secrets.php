<?php // Makes the shop's keys, new at every installation.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Secrets
{
    /** @return array<string, string> by the names they have in parameters.php */
    public static function make(): array
    {
        $pair = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
        openssl_pkey_export($pair, $private);
        $body = "\xDE\xF0\x00\x00" . random_bytes(32);

        return [
            'secret' => self::letters(64),
            'cookie_key' => self::letters(64),
            'cookie_iv' => self::letters(32),
            'new_cookie_key' => bin2hex($body . hash('sha256', $body, true)),
            'api_public_key' => openssl_pkey_get_details($pair)['key'],
            'api_private_key' => $private,
        ];
    }

    private static function letters(int $length): string
    {
        $alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
        $text = '';
        while (strlen($text) < $length) {
            $text .= $alphabet[random_int(0, strlen($alphabet) - 1)];
        }

        return $text;
    }
}
