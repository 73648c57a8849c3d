<?php
/** Work that no visitor waits for: done after the response is sent, or by cron where that cannot be known. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

final class AfterResponse
{
    /** @var array<string, callable> */
    private static $tasks = [];

    /** Deliver waiting events. */
    public static function deliver(): void
    {
        self::later('deliver', static function () {
            Delivery::run(3);
        });
    }

    /** Run `$task` after the response; a task of the same name runs once. */
    public static function later(string $name, callable $task): void
    {
        if (!self::possible()) {
            return;
        }
        if (self::$tasks === []) {
            register_shutdown_function([self::class, 'run']);
        }
        self::$tasks[$name] = $task;
    }

    /** Called by PHP when the script has ended. */
    public static function run(): void
    {
        try {
            // The visitor's next page waits for the session otherwise
            if (session_status() === PHP_SESSION_ACTIVE) {
                session_write_close();
            }
            ignore_user_abort(true);
            if (function_exists('fastcgi_finish_request')) {
                fastcgi_finish_request();
            } elseif (function_exists('litespeed_finish_request')) {
                litespeed_finish_request();
            }
            foreach (self::$tasks as $task) {
                $task();
            }
        } catch (\Throwable $failure) {
            Log::failure('after the response', $failure);
        }
    }

    private static function possible(): bool
    {
        return PHP_SAPI === 'cli' || function_exists('fastcgi_finish_request')
            || function_exists('litespeed_finish_request');
    }
}
