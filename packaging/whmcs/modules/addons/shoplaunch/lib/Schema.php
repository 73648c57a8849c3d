<?php
/** The addon's own tables. Missing ones are created, none is dropped: they hold waiting events and clients let in. */

declare(strict_types=1);

namespace WHMCS\Module\Addon\Shoplaunch;

use WHMCS\Database\Capsule;

final class Schema
{
    public const SERVICES = 'mod_shoplaunch_services';
    public const QUEUE = 'mod_shoplaunch_queue';

    /** Make what is missing. All times are unix seconds, 0 for never. */
    public static function ensure(): void
    {
        $schema = Capsule::schema();
        if (!$schema->hasTable(self::SERVICES)) {
            $schema->create(self::SERVICES, static function ($table) {
                $table->unsignedInteger('service_id')->primary();
                $table->unsignedInteger('order_id')->default(0)->index();
                $table->unsignedInteger('client_id')->default(0)->index();
                $table->unsignedInteger('product_id')->default(0);
                $table->string('account', 16)->default('');
                $table->boolean('accepted')->default(0);
                $table->string('state', 16)->default('');
                $table->unsignedInteger('percent')->default(0);
                $table->text('document')->nullable();
                $table->unsignedInteger('checked_at')->default(0);
                $table->unsignedInteger('changed_at')->default(0);
                $table->unsignedInteger('ready_at')->default(0);
                $table->string('held_mail', 191)->default('');
                $table->unsignedInteger('mail_claimed_at')->default(0);
                $table->text('configoptions')->nullable();
            });
        }
        if (!$schema->hasTable(self::QUEUE)) {
            $schema->create(self::QUEUE, static function ($table) {
                $table->increments('id');
                $table->string('event_id', 36)->unique();
                $table->unsignedInteger('service_id')->index();
                $table->string('kind', 32);
                $table->text('body');
                $table->string('state', 16)->default('waiting')->index();
                $table->unsignedInteger('attempts')->default(0);
                $table->unsignedInteger('due_at')->default(0);
                $table->unsignedInteger('created_at')->default(0);
                $table->unsignedInteger('ended_at')->default(0);
                $table->text('error')->nullable();
            });
        }
    }
}
