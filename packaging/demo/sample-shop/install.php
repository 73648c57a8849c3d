<?php // Installs the sample shop: a document root and a database, as a template for packing or for looking at.
//
// php install.php --docroot DIR --domain NAME[:PORT] --admin-email E --admin-password P
//     (--db-url mysql://USER:PASSWORD@HOST[:PORT]/NAME[?unix_socket=PATH] | --db-name N --db-user U
//      [--db-host H] [--db-port P] [--db-password P])
//     [--physical-uri /] [--prefix ps_] [--language en|fa] [--shop-name N] [--with-install-folder] [--force]
//     [--pictures-of DIR (the document root of another sample shop; drawing them takes longer than all the rest)]
//
// Passwords can also come from SAMPLE_SHOP_DB_PASSWORD and SAMPLE_SHOP_ADMIN_PASSWORD.
// The shop has PrestaShop 8's tables, settings and file layout, but none of its code, texts or data.

declare(strict_types=1);

namespace SampleShop\Installer;

foreach (['Options', 'Secrets', 'Schema', 'Seeder', 'Catalogue', 'Settings', 'People', 'Bulk', 'Tree', 'Pictures'] as $part) {
    require __DIR__ . '/installer/' . $part . '.php';
}

if (PHP_SAPI !== 'cli') {
    exit(1);
}
try {
    $options = Options::parse(array_slice($argv, 1));
    $secrets = Secrets::make();
    (new Tree($options))->build($secrets);
    require $options->docroot . '/config/config.inc.php';
    Schema::load($options);
    $seeder = new Seeder($options);
    foreach ([Settings::class, Catalogue::class, People::class, Bulk::class] as $part) {
        (new $part($seeder, $options))->fill();
    }
    $pictures = new Pictures($options->docroot);
    $options->picturesOf === '' ? $pictures->draw() : $pictures->take($options->picturesOf);
    \SampleShop\Container::database(\SampleShop\Parameters::load());
    echo 'Shop: http://', $options->domain, $options->physicalUri, "\n";
    echo 'Back office: http://', $options->domain, $options->physicalUri, "admin742sample/\n";
} catch (\InvalidArgumentException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(2);
}
