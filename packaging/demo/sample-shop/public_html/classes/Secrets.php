<?php // Checks that the shop's keys have the form that cookies and the API need.

declare(strict_types=1);

namespace SampleShop;

final class Secrets
{
    /** @return string[] names of the keys that are malformed */
    public static function malformed(Parameters $parameters): array
    {
        $lengths = ['secret' => 64, 'cookie_key' => 64, 'cookie_iv' => 32];
        $bad = [];
        foreach ($lengths as $name => $length) {
            if (strlen((string) $parameters->get($name)) !== $length) {
                $bad[] = $name;
            }
        }
        if (!self::isCookieKey((string) $parameters->get('new_cookie_key'))) {
            $bad[] = 'new_cookie_key';
        }

        return $bad;
    }

    /** Header DEF00000, 32 random bytes, SHA-256 of both; all of it in hexadecimal. */
    public static function isCookieKey(string $key): bool
    {
        if (!preg_match('/^def00000[0-9a-f]{128}$/', $key)) {
            return false;
        }
        $bytes = hex2bin($key);

        return hash_equals(hash('sha256', substr($bytes, 0, 36), true), substr($bytes, 36));
    }

    /** The public key must belong to the private one. */
    public static function isKeyPair(string $public, string $private): bool
    {
        $data = 'sample shop';
        $signature = '';
        $key = openssl_pkey_get_private($private);

        return $key !== false
            && openssl_sign($data, $signature, $key, OPENSSL_ALGO_SHA256)
            && openssl_verify($data, $signature, $public, OPENSSL_ALGO_SHA256) === 1;
    }
}
