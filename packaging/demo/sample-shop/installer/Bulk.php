<?php // Rows in numbers: statistics, documents, traces of visitors.

declare(strict_types=1);

namespace SampleShop\Installer;

final class Bulk
{
    /** @var Seeder */
    private $seeder;
    /** @var string */
    private $home;

    public function __construct(Seeder $seeder, Options $options)
    {
        $this->seeder = $seeder;
        $this->home = 'http://' . $options->domain . $options->physicalUri;
    }

    public function fill(): void
    {
        $this->seeder->insert('samplestats', 'day url hits share', $this->statistics(18000));
        $this->seeder->insert('sampledocument', 'id_product name content sha1', $this->documents(24));
        $this->visitors(600);
        $this->traces();
    }

    private function statistics(int $count): \Generator
    {
        for ($i = 0; $i < $count; ++$i) {
            $day = $i < 50 ? '0000-00-00' : gmdate('Y-m-d', 1735689600 + intdiv($i, 60) * 86400);
            $path = substr(md5('page' . $i % 500), 0, 12) . '.html?ref=' . $i;
            yield [$day, $i % 5 === 0 ? $this->home . $path : '/' . $path, $i * 7 % 1000, ($i % 97) / 97];
        }
    }

    /** Bytes of every value, the same at each installation. */
    private function documents(int $count): \Generator
    {
        for ($i = 1; $i <= $count; ++$i) {
            $bytes = '';
            for ($block = 0; strlen($bytes) < 1000 * $i + 40000; ++$block) {
                $bytes .= hash('sha512', $i . ':' . $block, true);
            }
            yield [($i - 1) % 12 + 1, 'care-sheet-' . $i . '.bin', $bytes, sha1($bytes, true)];
        }
    }

    private function visitors(int $count): void
    {
        $guests = $connections = [];
        for ($i = 1; $i <= $count; ++$i) {
            $guests[] = [$i, 1 + $i % 5, $i % 3 ? 'en' : 'fa'];
            $connections[] = [$i, 1, 3221225984 + $i % 250, Seeder::DATE, $i % 4 ? '' : $this->home . '?visit=' . $i];
        }
        $this->seeder->insert('guest', 'id_guest id_web_browser accept_language', $guests);
        $this->seeder->insert('connections', 'id_guest id_page ip_address date_add http_referer', $connections);
    }

    private function traces(): void
    {
        for ($i = 1; $i <= 40; ++$i) {
            $this->seeder->insert('log', 'severity error_code message object_type object_id id_employee date_add date_upd', [[1, 0, 'Back office connection from 192.0.2.' . $i, '', 0, 1, Seeder::DATE, Seeder::DATE]]);
            $this->seeder->insert('mail', 'recipient template subject id_lang date_add', [['elena.brandt@customer.example', 'order_conf', 'Order ' . $i, 1, Seeder::DATE]]);
            $this->seeder->insert('pagenotfound', 'request_uri http_referer date_add', [['/old/' . $i, $this->home . 'old', Seeder::DATE]]);
        }
        $this->seeder->insert('smarty_cache', 'id_smarty_cache name cache_id modified content', [[sha1('page'), sha1('index'), 'index|1', Seeder::DATE, '<a href="' . $this->home . '">home</a>']]);
    }
}
