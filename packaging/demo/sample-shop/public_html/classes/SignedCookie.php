<?php // A cookie that carries a small array, signed so that a visitor cannot change it.

declare(strict_types=1);

namespace SampleShop;

final class SignedCookie
{
    private const LIFETIME_SECONDS = 1728000;

    /** @var string */
    private $name;
    /** @var string */
    private $path;
    /** @var string */
    private $key;
    /** @var array<string, mixed> */
    private $values;

    public function __construct(string $name, string $path, string $key)
    {
        $this->name = $name;
        $this->path = $path;
        $this->key = $key;
        $this->values = $this->read((string) ($_COOKIE[$name] ?? ''));
    }

    /** @return mixed */
    public function get(string $name)
    {
        return $this->values[$name] ?? null;
    }

    public function set(array $values): void
    {
        $this->values = array_merge($this->values, $values);
        $body = rtrim(strtr(base64_encode(json_encode($this->values)), '+/', '-_'), '=');
        $this->send($body . '.' . $this->sign($body), time() + self::LIFETIME_SECONDS);
    }

    public function clear(): void
    {
        $this->values = [];
        $this->send('', 1);
    }

    /** A token for the forms shown to the holder of this cookie. */
    public function formToken(): string
    {
        if ($this->get('salt') === null) {
            $this->set(['salt' => bin2hex(random_bytes(12))]);
        }

        return $this->sign('form:' . $this->get('salt'));
    }

    public function ownsToken(string $token): bool
    {
        return $this->get('salt') !== null && hash_equals($this->formToken(), $token);
    }

    private function sign(string $body): string
    {
        return hash_hmac('sha256', $this->name . '|' . $body, $this->key);
    }

    private function read(string $cookie): array
    {
        $parts = explode('.', $cookie);
        if (count($parts) !== 2 || !hash_equals($this->sign($parts[0]), $parts[1])) {
            return [];
        }
        $values = json_decode((string) base64_decode(strtr($parts[0], '-_', '+/')), true);

        return is_array($values) ? $values : [];
    }

    private function send(string $value, int $expires): void
    {
        setcookie($this->name, $value, [
            'expires' => $expires,
            'path' => $this->path,
            'secure' => Shop::isHttps(),
            'httponly' => true,
            'samesite' => 'Lax',
        ]);
    }
}
