<?php // Numbers at a glance, and whether the API's keys fit.

declare(strict_types=1);

namespace SampleShop\Admin;

use SampleShop\BackOffice;
use SampleShop\Secrets;

final class DashboardController
{
    /** @var BackOffice */
    private $office;

    public function __construct(BackOffice $office)
    {
        $this->office = $office;
    }

    public function show(): void
    {
        $db = $this->office->context->db;
        $parameters = $this->office->context->parameters;
        $fits = Secrets::isKeyPair((string) $parameters->get('api_public_key'), (string) $parameters->get('api_private_key'));
        $this->office->show('dashboard', ['title' => 'Dashboard', 'tiles' => [
            'Products' => $db->value('SELECT COUNT(*) FROM {product}'),
            'Orders' => $db->value('SELECT COUNT(*) FROM {orders}'),
            'Customers' => $db->value('SELECT COUNT(*) FROM {customer}'),
            'Page views' => $db->value('SELECT COALESCE(SUM(hits), 0) FROM {samplestats}'),
            'API keys' => $fits ? 'valid' : 'broken',
        ]]);
    }
}
