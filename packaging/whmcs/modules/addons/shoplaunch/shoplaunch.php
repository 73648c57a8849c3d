<?php
/** Shoplaunch for WHMCS: settings, activation, the administrator's page and the client's page. */

use WHMCS\Module\Addon\Shoplaunch\AdminPage;
use WHMCS\Module\Addon\Shoplaunch\Log;
use WHMCS\Module\Addon\Shoplaunch\MailTemplates;
use WHMCS\Module\Addon\Shoplaunch\Progress;
use WHMCS\Module\Addon\Shoplaunch\Schema;
use WHMCS\Module\Addon\Shoplaunch\Settings;

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/autoload.php';

/** What the addon is and what can be set. */
function shoplaunch_config()
{
    return [
        'name' => 'Shoplaunch',
        'description' => 'Hosting with a ready shop: builds the shop in new accounts and lets the client in when it is ready.',
        'version' => '1.0.0',
        'author' => 'Shoplaunch',
        'language' => 'english',
        'fields' => [
            'controller_url' => [
                'FriendlyName' => 'Controller URL',
                'Type' => 'text',
                'Size' => '60',
                'Default' => '',
                'Description' => 'https://…; plain http only on this machine (127.0.0.1)',
            ],
            'api_key' => [
                'FriendlyName' => 'Key',
                'Type' => 'text',
                'Size' => '30',
                'Default' => 'whmcs',
                'Description' => 'The name of the key made for this WHMCS on the controller',
            ],
            'api_secret' => [
                'FriendlyName' => 'Secret',
                'Type' => 'password',
                'Size' => '70',
                'Default' => '',
                'Description' => 'The secret shown when the key was made',
            ],
            'products' => [
                'FriendlyName' => 'Products',
                'Type' => 'textarea',
                'Rows' => '5',
                'Cols' => '40',
                'Default' => '',
                'Description' => 'One per line, product id = bundle; for example 3 = classic',
            ],
            'variant_option' => [
                'FriendlyName' => 'Variant option',
                'Type' => 'text',
                'Size' => '30',
                'Default' => '',
                'Description' => 'Name of the configurable option that chooses the variant of the bundle; empty: none',
            ],
            'folder_option' => [
                'FriendlyName' => 'Folder option',
                'Type' => 'text',
                'Size' => '30',
                'Default' => Settings::FOLDER_OPTION,
                'Description' => 'Name of the custom field or configurable option with the folder of the domain the shop goes into; empty: always its root',
            ],
            'wait_for_acceptance' => [
                'FriendlyName' => 'Wait for acceptance',
                'Type' => 'yesno',
                'Default' => '',
                'Description' => 'Build the shop only once the order has been accepted',
            ],
            'default_language' => [
                'FriendlyName' => 'Default language',
                'Type' => 'dropdown',
                'Options' => 'english,farsi',
                'Default' => 'english',
                'Description' => 'For clients who have not chosen a language',
            ],
        ],
    ];
}

/** Make the tables and the e-mail templates that are missing. */
function shoplaunch_activate()
{
    try {
        Schema::ensure();
        MailTemplates::ensure();
    } catch (\Throwable $failure) {
        Log::failure('activation', $failure);
        return ['status' => 'error', 'description' => 'The tables or e-mail templates could not be made; see the activity log.'];
    }
    return ['status' => 'success', 'description' => 'Now enter the controller and the products that come with a shop.'];
}

/** Nothing is removed: events may wait, and templates may have been edited. */
function shoplaunch_deactivate()
{
    return [
        'status' => 'success',
        'description' => 'Clients are not kept out any more. Tables mod_shoplaunch_* and e-mail templates are kept.',
    ];
}

/** A newer version finds what it needs. */
function shoplaunch_upgrade($vars)
{
    try {
        Schema::ensure();
        MailTemplates::ensure();
    } catch (\Throwable $failure) {
        Log::failure('upgrade', $failure);
    }
}

/** Print the administrator's page. */
function shoplaunch_output($vars)
{
    try {
        echo AdminPage::show($vars, $_SERVER['REQUEST_METHOD'] ?? 'GET', $_POST, $_GET);
    } catch (\Throwable $failure) {
        Log::failure('the admin page', $failure);
        echo '<div class="alert alert-danger">Shoplaunch: this page could not be made; see the activity log.</div>';
    }
}

/** Return the client's progress page. */
function shoplaunch_clientarea($vars)
{
    try {
        return Progress::page($vars);
    } catch (\Throwable $failure) {
        Log::failure('the progress page', $failure);
        return [
            'pagetitle' => 'Shoplaunch',
            'breadcrumb' => ['index.php?m=shoplaunch' => 'Shoplaunch'],
            'templatefile' => 'templates/unknown',
            'requirelogin' => true,
            'forcessl' => false,
            'vars' => ['shop' => null, 'text' => ['code' => 'en', 'direction' => 'ltr', 'title_unknown' => 'Please try again later', 'sentence_unknown' => '']],
        ];
    }
}
