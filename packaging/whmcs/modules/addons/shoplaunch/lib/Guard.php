<?php
/** Keeps a client out of the account's pages until the shop is ready; the progress page is shown instead. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Authentication\CurrentUser;

final class Guard
{
    /** Every request that names an action: sends those for a held service's details page to its progress. */
    public static function request(array $get, array $post): void
    {
        // WHMCS may prefer either; a client must not get past by naming another service in the other
        $asked = array_merge(self::texts($get, 'action'), self::texts($post, 'action'));
        if (!in_array('productdetails', array_map('strtolower', $asked), true)) {
            return;
        }
        foreach (['id', 'serviceid'] as $name) {
            foreach (array_merge(self::texts($get, $name), self::texts($post, $name)) as $text) {
                self::turnAway((int) $text);
            }
        }
    }

    /** ClientAreaProductDetails: the details page, by any of its addresses. */
    public static function productDetails(array $vars): void
    {
        if (isset($vars['service']) && is_object($vars['service'])) {
            self::turnAway((int) $vars['service']->id);
        }
    }

    /** ClientAreaPageProductDetails: nothing to log in with is on the page. */
    public static function blankPage(array $vars): ?array
    {
        $serviceId = (int) ($vars['id'] ?? $vars['serviceid'] ?? $_REQUEST['id'] ?? 0);
        $empty = ['username' => '', 'password' => '', 'moduleclientarea' => '', 'tplOverviewTabOutput' => ''];
        return self::isClosed($serviceId) ? $empty : null;
    }

    /** ClientAreaProductDetailsPreModuleTemplate: nor is it in the module's template. */
    public static function blankModule(array $vars): ?array
    {
        return self::isClosed((int) ($vars['serviceid'] ?? 0)) ? ['username' => '', 'password' => ''] : null;
    }

    /** ClientAreaProductDetailsOutput: shows an administrator who acts as a client what the client sees. */
    public static function noticeForStaff(array $vars): ?string
    {
        $serviceId = isset($vars['service']) && is_object($vars['service']) ? (int) $vars['service']->id : 0;
        $row = $serviceId > 0 ? Services::find($serviceId) : null;
        if (!self::isMasquerading() || !Services::isHeldBack($row)) {
            return null;
        }
        $text = Texts::about(Status::document($row), Texts::ofClient())['staff_notice'];
        $link = 'index.php?m=' . Settings::MODULE . '&service=' . $serviceId;
        return '<div class="alert alert-info"><a href="' . Texts::html($link) . '">' . Texts::html($text) . '</a></div>';
    }

    /** Return whether the visitor of this page has to stay out of a service. */
    public static function isClosed(int $serviceId): bool
    {
        return $serviceId > 0 && Services::isHeldBack(Services::find($serviceId)) && !self::isMasquerading();
    }

    /** Return whether an administrator visits the client area as one of its clients. */
    public static function isMasquerading(): bool
    {
        try {
            return class_exists(CurrentUser::class) && (new CurrentUser())->isMasqueradingAdmin();
        } catch (\Throwable $unknown) {
            // Anybody who cannot be distinguished from a client is treated as one
            return false;
        }
    }

    private static function turnAway(int $serviceId): void
    {
        if (self::isClosed($serviceId)) {
            header('Location: index.php?m=' . Settings::MODULE . '&service=' . $serviceId, true, 302);
            exit;
        }
    }

    /** @return string[] */
    private static function texts(array $request, string $name): array
    {
        return isset($request[$name]) && is_scalar($request[$name]) ? [(string) $request[$name]] : [];
    }
}
