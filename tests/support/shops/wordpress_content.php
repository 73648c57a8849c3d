<?php
// Fills a newly installed WordPress with what templates hold: run within it, prints what the tests need to know.
require_once ABSPATH . 'wp-admin/includes/image.php';
require_once ABSPATH . 'wp-admin/includes/misc.php';
require_once ABSPATH . 'wp-admin/includes/file.php';

$home = home_url();
$picture = imagecreatetruecolor( 1400, 900 );
imagefilledrectangle( $picture, 100, 100, 1300, 800, imagecolorallocate( $picture, 30, 130, 90 ) );
$upload = wp_upload_dir();
$path = $upload['path'] . '/garden.png';
imagepng( $picture, $path );
$attachment = wp_insert_attachment(
	array( 'post_mime_type' => 'image/png', 'post_title' => 'Garden', 'post_status' => 'inherit', 'guid' => $upload['url'] . '/garden.png' ),
	$path
);
wp_update_attachment_metadata( $attachment, wp_generate_attachment_metadata( $attachment, $path ) );
$url = wp_get_attachment_url( $attachment );

$blocks = array(
	serialize_block( array( 'blockName' => 'core/image', 'attrs' => array( 'id' => $attachment ), 'innerContent' => array( '<figure class="wp-block-image"><img src="' . $url . '" alt="garden" class="wp-image-' . $attachment . '"/></figure>' ) ) ),
	serialize_block( array( 'blockName' => 'core/cover', 'attrs' => array( 'url' => $url, 'note' => 'two--dashes' ), 'innerContent' => array( '<div class="wp-block-cover"><p>cover</p></div>' ) ) ),
	serialize_block( array( 'blockName' => 'core/paragraph', 'attrs' => array(), 'innerContent' => array( '<p>Saffron from <a href="' . str_replace( 'http:', 'https:', $home ) . '/about/">our garden</a></p>' ) ) ),
);
$editor = wp_insert_user( array( 'user_login' => 'editor-of-template', 'user_pass' => wp_generate_password(), 'user_email' => 'editor@template-owner.example', 'role' => 'editor' ) );
$post = wp_insert_post( array( 'post_title' => 'Saffron garden', 'post_name' => 'saffron-garden', 'post_content' => wp_slash( implode( "\n\n", $blocks ) ), 'post_status' => 'publish', 'post_author' => $editor ) );
wp_update_post( array( 'ID' => $post, 'post_excerpt' => 'A garden' ) );
wp_insert_comment( array( 'comment_post_ID' => $post, 'comment_author' => 'Visitor', 'comment_author_email' => 'visitor@somewhere.example', 'comment_content' => 'Nice', 'comment_approved' => 1 ) );
$builder = array( array( 'elType' => 'widget', 'settings' => array( 'image' => array( 'url' => $url ), 'editor' => '<a href="' . $home . '/shop/">فروشگاه</a>' ) ) );
update_post_meta( $post, '_elementor_data', wp_slash( wp_json_encode( $builder ) ) );
update_post_meta( $post, 'places', array( 'url' => $home . '/places/', 'file' => ABSPATH . 'wp-content/uploads/places.csv', 'deep' => serialize( array( 'again' => $home ) ) ) );

update_option( 'widget_text', array( 2 => array( 'title' => 'Find us', 'text' => '<a href="' . $home . '/find-us/">here</a>', 'filter' => true ), '_multiwidget' => 1 ) );
update_option( 'widget_block', array( 2 => array( 'content' => $blocks[1] ), '_multiwidget' => 1 ) );
update_option( 'sample_places', array( 'زعفران' => $home . '/زعفران/', 'folder' => ABSPATH . 'wp-content/uploads', 'json' => wp_json_encode( array( 'url' => $home . '/json/', 'text' => 'é' ) ), 'mail' => 'info@template-blog.example' ) );
update_option( 'sample_gateway', array( 'enabled' => 'yes', 'title' => 'Pay', 'secret_key' => 'sk_live_51TemplateGatewayKey', 'sandbox' => 'no' ) );
update_option( 'admin_email_lifespan', 1577836800 );
update_option( 'woocommerce_myaccount_lost_password_endpoint', 'lost-password' );
set_transient( 'seen', $home . '/transient/', 3600 );

WP_Application_Passwords::create_new_application_password( 1, array( 'name' => 'phone' ) );
WP_Session_Tokens::get_instance( 1 )->create( time() + 3600 );

global $wpdb;
$wpdb->query( "CREATE TABLE {$wpdb->prefix}woocommerce_api_keys (key_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, consumer_key char(64) NOT NULL)" );
$wpdb->insert( $wpdb->prefix . 'woocommerce_api_keys', array( 'consumer_key' => 'ck_template0consumer0key' ) );
$wpdb->query( "CREATE TABLE {$wpdb->prefix}wc_orders (id bigint unsigned NOT NULL PRIMARY KEY, billing_email varchar(320) NULL)" );
$wpdb->insert( $wpdb->prefix . 'wc_orders', array( 'id' => 7, 'billing_email' => 'buyer@somewhere.example' ) );
$order = wp_insert_post( array( 'post_type' => 'shop_order', 'post_title' => 'Order', 'post_status' => 'wc-completed' ) );
add_post_meta( $order, '_billing_email', 'buyer@somewhere.example' );

// As WooCommerce 10 makes them: shipments, people who wait for stock; the shop's identity; what editors send one another
$wpdb->query( "CREATE TABLE {$wpdb->prefix}wc_order_fulfillments (fulfillment_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, entity_type varchar(255) NOT NULL, entity_id bigint unsigned NOT NULL, status varchar(255) NOT NULL, is_fulfilled tinyint(1) NOT NULL DEFAULT 0, date_updated datetime NOT NULL, date_deleted datetime NULL)" );
$wpdb->insert( $wpdb->prefix . 'wc_order_fulfillments', array( 'entity_type' => 'WC_Order', 'entity_id' => $order, 'status' => 'sent-to-lane-4471', 'date_updated' => '2026-01-02 03:04:05' ) );
$wpdb->query( "CREATE TABLE {$wpdb->prefix}wc_order_fulfillment_meta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, fulfillment_id bigint unsigned NOT NULL, meta_key varchar(255) NULL, meta_value longtext NULL, date_updated datetime NOT NULL, date_deleted datetime NULL)" );
$wpdb->insert( $wpdb->prefix . 'wc_order_fulfillment_meta', array( 'fulfillment_id' => 1, 'meta_key' => '_tracking_number', 'meta_value' => '"TRACK00340434161094"', 'date_updated' => '2026-01-02 03:04:05' ) );
$wpdb->query( "CREATE TABLE {$wpdb->prefix}wc_stock_notifications (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, product_id bigint unsigned NOT NULL, user_id bigint unsigned NULL, user_email varchar(100) NULL, status varchar(20) NOT NULL)" );
$wpdb->insert( $wpdb->prefix . 'wc_stock_notifications', array( 'product_id' => 9, 'user_email' => 'waiting@somewhere.example', 'status' => 'active' ) );
$wpdb->query( "CREATE TABLE {$wpdb->prefix}wc_stock_notificationmeta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, notification_id bigint unsigned NOT NULL, meta_key varchar(255) NULL, meta_value longtext NULL)" );
$wpdb->insert( $wpdb->prefix . 'wc_stock_notificationmeta', array( 'notification_id' => 1, 'meta_key' => '_customer_locale', 'meta_value' => 'waits-for-a-kettle-in-1183' ) );
add_option( 'woocommerce_store_id', '5f0c3b1e-7f51-4f7e-9a52-3d1f6c2b9a77' );
$storage = wp_insert_post( array( 'post_type' => 'wp_sync_storage', 'post_title' => 'room-of-the-garden', 'post_status' => 'publish' ) );
add_post_meta( $storage, 'wp_sync_update', 'karim-types-at-cursor-88' );

update_option( 'permalink_structure', '/%postname%/' );
$GLOBALS['wp_rewrite']->init();
add_filter( 'got_rewrite', '__return_true' );
flush_rewrite_rules( false );
insert_with_markers( ABSPATH . '.htaccess', 'WordPress', explode( "\n", $GLOBALS['wp_rewrite']->mod_rewrite_rules() ) );

echo wp_json_encode( array( 'post' => $post, 'attachment' => $attachment, 'picture' => _wp_relative_upload_path( $path ), 'admin_hash' => get_userdata( 1 )->user_pass ) );
