<?php
/** E-mail templates in English: name => subject and message with WHMCS merge fields. */

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

return [
    'Shoplaunch: request received' => [
        'subject' => 'We are building your {if $shop_is_site}site{else}shop{/if}: {$shop_domain}',
        'message' => <<<'HTML'
<p>Dear {$client_name},</p>
<p>thank you for your order. Your {if $shop_is_site}site{else}shop{/if} <strong>{$shop_domain}</strong> is being
built right now. You need not do anything; we write again as soon as it is ready.</p>
{if $shop_status_url}<p>You can watch it here: <a href="{$shop_status_url}">{$shop_status_url}</a></p>{/if}
<p>{$signature}</p>
HTML
    ],
    'Shoplaunch: shop ready' => [
        'subject' => 'Your {if $shop_is_site}site{else}shop{/if} is ready: {$shop_domain}',
        'message' => <<<'HTML'
<p>Dear {$client_name},</p>
<p>your {if $shop_is_site}site{else}shop{/if} has been installed and tested. It is yours now.</p>
<ul>
<li>{if $shop_is_site}Site{else}Shop{/if}: <a href="{$shop_url}">{$shop_url}</a></li>
{if $shop_admin_url}<li>Back office: <a href="{$shop_admin_url}">{$shop_admin_url}</a></li>{/if}
{if $shop_login}<li>Login: {$shop_login}</li>{/if}
{if $shop_password}<li>Password: {$shop_password}</li>{/if}
</ul>
{if $shop_password_link}{if $shop_password_to_choose}<p>Choose your password, within 7 days:
<a href="{$shop_password_link}">{$shop_password_link}</a></p>
{else}<p>Your password: <a href="{$shop_password_link}">{$shop_password_link}</a><br>
The link works once and for 7 days. Keep the password in a safe place.</p>{/if}{/if}
{if $shop_name_servers}<p>The domain {$shop_domain} does not lead to your {if $shop_is_site}site{else}shop{/if} yet.
Please set these name servers where you registered it: {$shop_name_servers}. The secure connection (https) follows by
itself after that.</p>{/if}
<p>{$signature}</p>
HTML
    ],
    'Shoplaunch: shop delayed' => [
        'subject' => 'Your {if $shop_is_site}site{else}shop{/if} takes a little longer: {$shop_domain}',
        'message' => <<<'HTML'
<p>Dear {$client_name},</p>
<p>building your {if $shop_is_site}site{else}shop{/if} <strong>{$shop_domain}</strong> takes longer than usual. Our team
has been notified and is looking at it. You need not do anything, and nothing is lost; we write as soon as it is ready.</p>
{if $shop_status_url}<p>How it stands: <a href="{$shop_status_url}">{$shop_status_url}</a></p>{/if}
<p>{$signature}</p>
HTML
    ],
];
