<?php
/** Signed requests to the controller: short time-outs, TLS always verified, no redirect followed. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class Controller
{
    private const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
    /** A job's document has a tenth of it; a parsed answer may take a hundred times its size in memory. */
    private const MAX_ANSWER_BYTES = 262144;

    /** Stored length of a field of the controller's answer; all fields together fit into one column of WHMCS's. */
    private const MAX_LETTERS = 330;
    private const MAX_LETTERS_OF_ERRORS = 800;

    /**
     * Send one request and return ['status' => HTTP status or 0, 'document' => array|null, 'error' => text].
     *
     * `$event` is the event's id, the same at every try of the event; each try has a new signature. Times in seconds.
     */
    public static function send(string $method, string $path, string $body, string $event, int $connect, int $total): array
    {
        $base = rtrim(Settings::get('controller_url'), '/');
        $problem = self::problem($base);
        if ($problem !== '') {
            return ['status' => 0, 'document' => null, 'error' => $problem];
        }
        $target = (string) parse_url($base, PHP_URL_PATH) . $path;
        $answer = '';
        $curl = curl_init($base . $path);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => self::headers($method, $target, $body, $event),
            // Returning any other number than that of the received bytes ends the call
            CURLOPT_WRITEFUNCTION => static function ($curl, string $piece) use (&$answer): int {
                $answer .= $piece;
                return strlen($answer) > self::MAX_ANSWER_BYTES ? -1 : strlen($piece);
            },
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_CONNECTTIMEOUT => $connect,
            CURLOPT_TIMEOUT => $total,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
        ]);
        if ($body !== '') {
            curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
        }
        $done = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $error = curl_error($curl);
        unset($curl);
        if ($done !== true) {
            return ['status' => 0, 'document' => null, 'error' => $error !== '' ? $error : 'no answer'];
        }
        $document = json_decode($answer, true);
        return ['status' => $status, 'document' => is_array($document) ? $document : null, 'error' => 'HTTP ' . $status];
    }

    /** Return a field of an answer as text that can be stored; '' for anything but text and numbers. */
    public static function text($value, int $letters = self::MAX_LETTERS): string
    {
        $text = is_string($value) || is_int($value) ? (string) $value : '';
        return (string) preg_replace('/^(.{' . $letters . '}).*$/us', '$1', $text);
    }

    /**
     * Return {code, message, advice} of a problem document; `$otherwise` is the message of one without any.
     *
     * @return array<string, string>
     */
    public static function problemIn(array $document, string $otherwise): array
    {
        $said = [$document['detail'] ?? null, $document['message'] ?? null, $otherwise];
        foreach (array_merge($said, [$document['advice'] ?? null]) as $number => $value) {
            $said[$number] = self::text($value, self::MAX_LETTERS_OF_ERRORS);
        }
        return [
            'code' => self::text($document['code'] ?? null, 64),
            'message' => array_values(array_filter(array_slice($said, 0, 3), 'strlen'))[0] ?? '',
            'advice' => $said[3],
        ];
    }

    /** Return why nothing can be sent with these settings, '' when it can. */
    public static function problem(string $base): string
    {
        $parts = parse_url($base);
        $scheme = is_array($parts) ? ($parts['scheme'] ?? '') : '';
        $host = is_array($parts) ? ($parts['host'] ?? '') : '';
        if ($host === '' || Settings::get('api_key') === '' || Settings::get('api_secret') === '') {
            return 'controller URL, key or secret is not set';
        }
        $safe = $scheme === 'https' || ($scheme === 'http' && in_array($host, self::LOOPBACK, true));
        return $safe ? '' : 'the controller URL must begin with https://';
    }

    /** @return string[] */
    private static function headers(string $method, string $target, string $body, string $event): array
    {
        $time = (string) time();
        $text = implode("\n", [$time, $event, $method, $target, hash('sha256', $body)]);
        return [
            'X-Shoplaunch-Key: ' . Settings::get('api_key'),
            'X-Shoplaunch-Timestamp: ' . $time,
            'X-Shoplaunch-Event: ' . $event,
            'X-Shoplaunch-Signature: v1=' . hash_hmac('sha256', $text, Settings::secret()),
            'Content-Type: application/json',
            'Accept: application/json',
            // `Expect: 100-continue` costs a second where nobody answers it
            'Expect:',
        ];
    }
}
