<?php // Settings that are the same in every installation of the sample shop.

return [
    'PS_VERSION_DB' => '8.2.1', 'PS_INSTALL_VERSION' => '8.2.1', 'PS_SHOP_DEFAULT' => '1', 'PS_SHOP_ENABLE' => '1',
    'PS_MAINTENANCE_IP' => '', 'PS_CURRENCY_DEFAULT' => '1', 'PS_COUNTRY_DEFAULT' => '1', 'PS_LOCALE_LANGUAGE' => 'en',
    'PS_LOCALE_COUNTRY' => 'de', 'PS_TIMEZONE' => 'UTC', 'PS_REWRITING_SETTINGS' => '1', 'PS_CANONICAL_REDIRECT' => '1',
    'PS_SSL_ENABLED' => '0', 'PS_SSL_ENABLED_EVERYWHERE' => '0', 'PS_MEDIA_SERVER_1' => '', 'PS_MEDIA_SERVER_2' => '',
    'PS_MEDIA_SERVER_3' => '', 'PS_ROOT_CATEGORY' => '1', 'PS_HOME_CATEGORY' => '2', 'PS_LOGO' => 'logo.svg',
    'PS_FAVICON' => 'favicon.svg', 'PS_INVOICE_PREFIX' => null, 'PS_TOKEN_ENABLE' => '1', 'PS_WEBSERVICE' => '1',
    'PS_MAIL_METHOD' => '2', 'PS_MAIL_SERVER' => 'smtp.mail.example', 'PS_MAIL_USER' => 'sample-mailer',
    'PS_MAIL_PASSWD' => 'smtp-Password-1', 'PS_MAIL_SMTP_ENCRYPTION' => 'tls', 'PS_MAIL_SMTP_PORT' => '587',
    'PS_MAIL_DKIM_ENABLE' => '0', 'PS_MAIL_DKIM_KEY' => 'sample-dkim-key-7f3a', 'PS_MAIL_DKIM_DOMAIN' => '',
    'NW_SALT' => 'q7Lk2mZx90Pd5TrS', 'PS_ACCOUNTS_TOKEN_SIGNATURE' => 'b1946ac92492d2347c6235b4d2611184',
    'PS_ACCOUNTS_OAUTH2_CLIENT_SECRET' => 'sample-oauth2-secret', 'PS_ACCOUNTS_ACCESS_TOKEN' => 'sample-access-token',
    'PS_CHECKOUT_SHOP_UUID_V4' => '0f5c7a52-6f0b-4d0e-9d1c-1b2f3a4c5d6e', 'PS_CHECKOUT_WEBHOOK_SECRET' => 'sample-webhook-secret',
    'PS_SHIPPING_WEBHOOK_SECRET' => 'sample-shipping-secret', 'PS_MBO_SHOP_ADMIN_UUID' => '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    'SAMPLEPAY_API_KEY' => 'sk_sample_4eC39HqLyjWDarjtT1zdp7dc',
];
