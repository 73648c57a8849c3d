<?php
/** E-mail templates in Persian, right to left: name => subject and message with WHMCS merge fields. */

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

return [
    'Shoplaunch: request received' => [
        'subject' => '{if $shop_is_site}سایت{else}فروشگاه{/if} شما در حال ساخت است: {$shop_domain}',
        'message' => <<<'HTML'
<div dir="rtl" style="text-align: right">
<p>{$client_name} گرامی،</p>
<p>از سفارش شما سپاسگزاریم.
{if $shop_is_site}سایت{else}فروشگاه{/if} <strong><bdi dir="ltr">{$shop_domain}</bdi></strong> هم‌اکنون در حال ساخت است.
لازم نیست کاری انجام دهید؛ به‌محض آماده شدن به شما خبر می‌دهیم.</p>
{if $shop_status_url}<p>پیشرفت کار را اینجا ببینید: <a dir="ltr" href="{$shop_status_url}">{$shop_status_url}</a></p>{/if}
<p>{$signature}</p>
</div>
HTML
    ],
    'Shoplaunch: shop ready' => [
        'subject' => '{if $shop_is_site}سایت{else}فروشگاه{/if} شما آماده است: {$shop_domain}',
        'message' => <<<'HTML'
<div dir="rtl" style="text-align: right">
<p>{$client_name} گرامی،</p>
<p>{if $shop_is_site}سایت{else}فروشگاه{/if} شما نصب و آزموده شد و از این پس در اختیار شماست.</p>
<ul>
<li>{if $shop_is_site}سایت{else}فروشگاه{/if}: <a dir="ltr" href="{$shop_url}">{$shop_url}</a></li>
{if $shop_admin_url}<li>بخش مدیریت: <a dir="ltr" href="{$shop_admin_url}">{$shop_admin_url}</a></li>{/if}
{if $shop_login}<li>نام کاربری: <bdi dir="ltr">{$shop_login}</bdi></li>{/if}
{if $shop_password}<li>گذرواژه: <bdi dir="ltr">{$shop_password}</bdi></li>{/if}
</ul>
{if $shop_password_link}{if $shop_password_to_choose}<p>گذرواژهٔ خود را تا ۷ روز انتخاب کنید:
<a dir="ltr" href="{$shop_password_link}">{$shop_password_link}</a></p>
{else}<p>گذرواژهٔ شما: <a dir="ltr" href="{$shop_password_link}">{$shop_password_link}</a><br>
این پیوند فقط یک بار و تا ۷ روز کار می‌کند. گذرواژه را در جای امنی نگه دارید.</p>{/if}{/if}
{if $shop_name_servers}<p>دامنهٔ <bdi dir="ltr">{$shop_domain}</bdi> هنوز به {if $shop_is_site}سایت{else}فروشگاه{/if} شما نمی‌رسد.
لطفاً در جایی که دامنه را ثبت کرده‌اید این نیم‌سرورها را تنظیم کنید: <bdi dir="ltr">{$shop_name_servers}</bdi>. پس از آن اتصال امن (https)
خودبه‌خود برقرار می‌شود.</p>{/if}
<p>{$signature}</p>
</div>
HTML
    ],
    'Shoplaunch: shop delayed' => [
        'subject' => 'آماده شدن {if $shop_is_site}سایت{else}فروشگاه{/if} شما کمی بیشتر طول می‌کشد: {$shop_domain}',
        'message' => <<<'HTML'
<div dir="rtl" style="text-align: right">
<p>{$client_name} گرامی،</p>
<p>ساخت {if $shop_is_site}سایت{else}فروشگاه{/if} <strong><bdi dir="ltr">{$shop_domain}</bdi></strong> بیش از حد معمول
طول کشیده است. همکاران ما باخبر شده‌اند و آن را بررسی می‌کنند. لازم نیست کاری انجام دهید و چیزی از دست نرفته است؛ به‌محض آماده شدن خبر می‌دهیم.</p>
{if $shop_status_url}<p>وضعیت کار: <a dir="ltr" href="{$shop_status_url}">{$shop_status_url}</a></p>{/if}
<p>{$signature}</p>
</div>
HTML
    ],
];
