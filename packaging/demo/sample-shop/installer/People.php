<?php // Employees, customers and their orders, keys of services: all that must not travel with a template.

declare(strict_types=1);

namespace SampleShop\Installer;

final class People
{
    /** A bcrypt hash of a password that nobody knows. */
    private const NOBODY = '$2y$10$abcdefghijklmnopqrstuuGJ1H8Vh3yY2jJ0oQmHqCkTz1o9sV5yK';

    /** @var Seeder */
    private $seeder;
    /** @var Options */
    private $options;

    public function __construct(Seeder $seeder, Options $options)
    {
        $this->seeder = $seeder;
        $this->options = $options;
    }

    public function fill(): void
    {
        $this->employees();
        $this->customers();
        foreach ([1, 2, 3] as $number) {
            $this->order($number, $number === 3 ? 2 : 1);
        }
        $this->services();
    }

    private function employees(): void
    {
        foreach ([1 => ['SuperAdmin', 'مدیر ارشد'], 2 => ['Salesman', 'فروشنده']] as $id => $names) {
            $this->seeder->insert('profile', 'id_profile', [[$id]]);
            $this->seeder->insert('profile_lang', 'id_lang id_profile name', [[1, $id, $names[0]], [2, $id, $names[1]]]);
        }
        $hash = password_hash($this->options->admin['password'], PASSWORD_BCRYPT);
        $this->seeder->insert('employee', 'id_employee id_profile id_lang lastname firstname email passwd last_passwd_gen stats_date_from default_tab active last_connection_date reset_password_token', [
            [1, 1, $this->options->language, 'Keeper', 'Nora', $this->options->admin['email'], $hash, Seeder::DATE, '2025-02-01', 1, 1, '2025-03-01', null],
            [2, 2, 1, 'Second', 'Sam', 'sam.second@staff.example', self::NOBODY, Seeder::DATE, '0000-00-00', 1, 1, null, 'b5f0c1d2e3a4958677889900aabbccddeeff0011'],
        ]);
        $this->seeder->insert('employee_shop', 'id_employee id_shop', [[1, 1], [2, 1]]);
        $this->seeder->insert('employee_session', 'id_employee token date_add date_upd', [[1, sha1('session one'), Seeder::DATE, Seeder::DATE], [2, sha1('session two'), Seeder::DATE, Seeder::DATE]]);
    }

    private function customers(): void
    {
        foreach ([1 => ['Elena', 'Brandt', 'elena.brandt@customer.example', 1], 2 => ['مریم', 'رضایی', 'maryam.rezaei@customer.example', 2]] as $id => [$first, $last, $email, $lang]) {
            $this->seeder->insert('customer', 'id_customer id_gender id_lang firstname lastname email passwd last_passwd_gen birthday newsletter secure_key active date_add date_upd reset_password_token', [
                [$id, $id, $lang, $first, $last, $email, self::NOBODY, Seeder::DATE, '0000-00-00', 1, md5('customer' . $id), 1, Seeder::DATE, Seeder::DATE, null],
            ]);
            $this->seeder->insert('address', 'id_address id_country id_customer alias lastname firstname address1 postcode city phone date_add date_upd', [
                [$id, $id === 1 ? 1 : 5, $id, 'Home', $last, $first, 'Riverside 1' . $id, '1234' . $id, $id === 1 ? 'Köln' : 'شیراز', '+00 000 00' . $id, Seeder::DATE, Seeder::DATE],
            ]);
            $this->seeder->insert('customer_session', 'id_customer token date_add date_upd', [[$id, sha1('customer' . $id), Seeder::DATE, Seeder::DATE]]);
            $this->seeder->insert('emailsubscription', 'email newsletter_date_add ip_registration_newsletter http_referer active id_lang', [
                ['friend' . $id . '@customer.example', Seeder::DATE, '192.0.2.' . $id, 'http://' . $this->options->domain . '/', 1, $lang],
            ]);
        }
    }

    private function order(int $number, int $customer): void
    {
        $key = md5('customer' . $customer);
        $this->seeder->insert('cart', 'id_cart id_carrier delivery_option id_lang id_address_delivery id_address_invoice id_currency id_customer id_guest secure_key date_add date_upd', [
            [$number, 1, json_encode([$customer => '1,']), $customer, $customer, $customer, 1, $customer, $number, $key, Seeder::DATE, Seeder::DATE],
        ]);
        $this->seeder->insert('cart_product', 'id_cart id_product id_address_delivery quantity date_add', [[$number, $number, $customer, 2, Seeder::DATE], [$number, $number + 4, $customer, 1, Seeder::DATE]]);
        $this->seeder->insert('orders', 'id_order reference id_carrier id_lang id_customer id_cart id_currency id_address_delivery id_address_invoice current_state secure_key payment module total_paid total_products invoice_date delivery_date valid date_add date_upd', [
            [$number, 'SMPLORD0' . $number, 1, $customer, $customer, $number, 1, $customer, $customer, 1 + $number % 2, $key, 'Bank wire', 'ps_wirepayment', 40.5 * $number, 40.5 * $number, '0000-00-00 00:00:00', '0000-00-00 00:00:00', 1, Seeder::DATE, Seeder::DATE],
        ]);
        $this->seeder->insert('order_detail', 'id_order id_shop product_id product_name product_quantity product_price download_deadline', [
            [$number, 1, $number, 'Sample piece ' . $number, 2, 13.5 * $number, '0000-00-00 00:00:00'], [$number, 1, $number + 4, 'Sample piece ' . ($number + 4), 1, 13.5 * $number, null],
        ]);
        if ($number < 3) {
            $name = [1 => ['Awaiting payment', 'در انتظار پرداخت'], 2 => ['Shipped', 'فرستاده شد']][$number];
            $this->seeder->insert('order_state', 'id_order_state color paid', [[$number, '#34209E', $number - 1]]);
            $this->seeder->insert('order_state_lang', 'id_order_state id_lang name template', [[$number, 1, $name[0], 'order_conf'], [$number, 2, $name[1], 'order_conf']]);
        }
    }

    private function services(): void
    {
        $this->seeder->insert('webservice_account', 'id_webservice_account key description active', [[1, 'SAMPLE7WEBSERVICE7KEY7ABCDEFGH12', 'Stock feed', 1]]);
        $this->seeder->insert('webservice_permission', 'resource method id_webservice_account', [['products', 'GET', 1], ['stock_availables', 'PUT', 1]]);
        $this->seeder->insert('authorized_application', 'id_authorized_application name description', [[1, 'sample-erp', 'Takes orders over']]);
        $this->seeder->insert('api_access', 'id_authorized_application client_id client_secret active scopes', [[1, 'sample-client', self::NOBODY, 1, serialize(['product_read', 'order_read'])]]);
    }
}
