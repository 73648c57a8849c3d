<?php
/** The little of Smarty the addon's templates use; anything else in braces is refused. */

declare(strict_types=1);

namespace Double;

final class Smarty
{
    private $tokens;
    private $at = 0;
    private $strict;

    private function __construct(string $template, bool $strict)
    {
        $pattern = '/(\{literal\}.*?\{\/literal\}|\{[^{}\s][^{}]*\})/s';
        $this->tokens = preg_split($pattern, $template, -1, PREG_SPLIT_DELIM_CAPTURE);
        $this->strict = $strict;
    }

    /** Return a page of the addon's. */
    public static function render(string $file, array $variables): string
    {
        return self::fill((string) file_get_contents($file), $variables);
    }

    /** Return a text that uses nothing but what it is given. */
    public static function fill(string $template, array $variables): string
    {
        return (new self($template, true))->whole($variables);
    }

    /** Return a mail's text; what nobody fills in is empty there. */
    public static function text(string $template, array $variables): string
    {
        return (new self($template, false))->whole($variables);
    }

    private function whole(array $variables): string
    {
        $text = $this->block($variables, true);
        if ($this->at < count($this->tokens)) {
            throw new \LogicException("{$this->tokens[$this->at]} closes nothing");
        }
        return $text;
    }

    private function block(array $variables, bool $live): string
    {
        $text = '';
        for (; $this->at < count($this->tokens); $this->at++) {
            $token = $this->tokens[$this->at];
            if (preg_match('/^\{(\/if|\/foreach|else)\}$/', $token)) {
                break;
            }
            $made = $this->token($token, $variables, $live);
            $text .= $live ? $made : '';
        }
        return $text;
    }

    private function token(string $token, array $variables, bool $live): string
    {
        if (preg_match('/^\{literal\}(.*)\{\/literal\}$/s', $token, $parts)) {
            return $parts[1];
        }
        if ($token === '' || $token[0] !== '{' || ctype_space($token[1] ?? ' ')) {
            if (strpos($token, '{') !== false) {
                throw new \LogicException('a brace outside {literal}: ' . $token);
            }
            return $token;
        }
        if (preg_match('/^\{\$([a-z_.]+)(\|escape)?\}$/', $token, $parts)) {
            $value = $live ? (string) $this->value($parts[1], $variables) : '';
            return isset($parts[2]) ? htmlspecialchars($value, ENT_QUOTES, 'UTF-8') : $value;
        }
        if (preg_match('/^\{if (!?)\$([a-z_.]+)\}$/', $token, $parts)) {
            $true = $live && (bool) $this->value($parts[2], $variables) !== ($parts[1] === '!');
            return $this->inner($variables, $live && $true) . $this->otherwise($variables, $live && !$true);
        }
        if (preg_match('/^\{foreach \$([a-z_.]+) as \$([a-z_]+)\}$/', $token, $parts)) {
            return $this->loop($live ? $this->value($parts[1], $variables) : [], $parts[2], $variables);
        }
        throw new \LogicException("the Smarty double does not know $token");
    }

    private function inner(array $variables, bool $live): string
    {
        $this->at++;
        return $this->block($variables, $live);
    }

    private function otherwise(array $variables, bool $live): string
    {
        $text = ($this->tokens[$this->at] ?? '') === '{else}' ? $this->inner($variables, $live) : '';
        $this->expect('{/if}');
        return $text;
    }

    private function loop(array $items, string $name, array $variables): string
    {
        $start = $this->at;
        $text = $items === [] ? $this->inner($variables, false) : '';
        foreach ($items as $item) {
            $this->at = $start;
            $text .= $this->inner([$name => $item] + $variables, true);
        }
        $this->expect('{/foreach}');
        return $text;
    }

    private function expect(string $token): void
    {
        if (($this->tokens[$this->at] ?? '') !== $token) {
            throw new \LogicException("$token is missing");
        }
    }

    private function value(string $path, array $variables)
    {
        $value = $variables;
        foreach (explode('.', $path) as $name) {
            if (!is_array($value) || !array_key_exists($name, $value)) {
                if (!$this->strict) {
                    return '';
                }
                throw new \LogicException("the template was not given \$$path");
            }
            $value = $value[$name];
        }
        return $value;
    }
}
