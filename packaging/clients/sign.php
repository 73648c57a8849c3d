<?php
// The signature of a request to Shoplaunch: php sign.php SECRET TIMESTAMP EVENT METHOD TARGET < body

function signature(string $secret, string $timestamp, string $event, string $method, string $target, string $body): string
{
    $text = implode("\n", [$timestamp, $event, strtoupper($method), $target, hash('sha256', $body)]);
    return 'v1=' . hash_hmac('sha256', $text, $secret);
}

echo signature($argv[1], $argv[2], $argv[3], $argv[4], $argv[5], stream_get_contents(STDIN)), "\n";
