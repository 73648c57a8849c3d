"""Lists WordPress's and WooCommerce's tables to empty, and rows to keep in others (names without prefix)."""

from __future__ import annotations

#: WooCommerce has this table in every version: it shows that things are sold.
SHOP_MARK = "woocommerce_order_items"

#: Traces of visits, data that is generated again, access of others. Always emptied.
ALWAYS_EMPTY = frozenset(
    """
    signups registration_log
    woocommerce_sessions woocommerce_api_keys woocommerce_log woocommerce_payment_tokens
    woocommerce_payment_tokenmeta wc_webhooks wc_rate_limits wc_admin_notes wc_admin_note_actions wc_reserved_stock
    actionscheduler_actions actionscheduler_claims actionscheduler_logs
    redirection_logs redirection_404 wfls_2fa_secrets wfls_settings aiowps_login_activity aiowps_failed_logins
    aiowps_login_lockdown aiowps_audit_log itsec_logs itsec_lockouts itsec_temp wsal_occurrences wsal_metadata
    simple_history simple_history_contexts wpmailsmtp_emails_queue wpmailsmtp_debug_events
    duplicator_packages duplicator_pro_packages duplicator_backups aws_cache
    rank_math_404_logs yoast_seo_links_log woocommerce_order_log email_log wpmailsmtp_emails_log fluentform_logs
    """.split()  # noqa: SIM905
)
#: Plug-ins whose tables begin so keep only logs of visitors.
TRACE_PREFIXES = ("statistics_", "wf", "slim_", "power_stats_")

#: Customers, visitors and their data. Emptied unless the operator keeps them.
CUSTOMERS = frozenset(
    """
    comments commentmeta
    wc_orders wc_orders_meta wc_order_addresses wc_order_operational_data wc_order_stats wc_order_product_lookup
    wc_order_tax_lookup wc_order_coupon_lookup wc_customer_lookup wc_download_log
    wc_order_fulfillments wc_order_fulfillment_meta
    wc_stock_notifications wc_stock_notificationmeta wc_stock_notifications_logs
    woocommerce_order_items woocommerce_order_itemmeta woocommerce_downloadable_product_permissions
    e_submissions e_submissions_values e_submissions_actions_log wpforms_entries wpforms_entry_fields
    wpforms_entry_meta gf_entry gf_entry_meta gf_entry_notes frm_items frm_item_metas nf3_objects_submissions
    rg_lead rg_lead_detail rg_lead_detail_long rg_lead_meta rg_lead_notes db7_forms cf7dbplugin_submits
    cf7_vdata cf7_vdata_entry fluentform_submissions fluentform_submission_meta fluentform_entry_details
    frmt_form_entry frmt_form_entry_meta evf_entries evf_entrymeta weforms_entries weforms_entrymeta
    newsletter newsletter_sent newsletter_stats newsletter_user_logs mailpoet_subscribers mailpoet_subscriber_segment
    mailpoet_subscriber_custom_field mailpoet_subscriber_ips mailpoet_subscriber_tag mailpoet_statistics_opens
    mailpoet_statistics_clicks mailpoet_statistics_newsletters mailpoet_sending_task_subscribers
    yith_wcwl yith_wcwl_lists wcboost_wishlists wcboost_wishlist_items tinvwl_lists tinvwl_items tinvwl_analytics
    cartflows_ca_cart_abandonment cartflows_ca_email_history slicewp_customers slicewp_customer_meta slicewp_visits
    """.split()  # noqa: SIM905
)

#: The application's own tables, and WooCommerce's, that are judged by other rules than their columns.
JUDGED = frozenset(
    """
    options posts postmeta users usermeta links terms termmeta term_taxonomy term_relationships
    wc_product_meta_lookup wc_product_attributes_lookup wc_product_download_directories wc_category_lookup
    woocommerce_attribute_taxonomies woocommerce_shipping_zones woocommerce_shipping_zone_locations
    woocommerce_shipping_zone_methods woocommerce_tax_rates woocommerce_tax_rate_locations wc_tax_rate_classes
    actionscheduler_groups
    """.split()  # noqa: SIM905
)

#: Kinds of posts that are orders, or messages from visitors.
CUSTOMER_POSTS = (
    "shop_order", "shop_order_refund", "shop_order_placehold", "shop_subscription", "user_request",
    "flamingo_inbound", "flamingo_contact", "nf_sub", "feedback",
)  # fmt: skip
#: Kinds and states of posts that are not content. `scheduled-action` and `shop_webhook` are WooCommerce's from before
#: it had tables for them, `wp_sync_storage` holds messages between users who edit a text together.
SCRAP_POSTS = ("revision", "customize_changeset", "oembed_cache", "scheduled-action", "shop_webhook", "wp_sync_storage")
SCRAP_STATES = ("auto-draft", "trash")
#: Post meta about the users who edited a post.
SCRAP_POST_META = ("_edit_lock", "_edit_last")

#: The administrator's user meta to keep: no login data, no place, no address.
ADMIN_META = (
    "nickname", "first_name", "last_name", "description", "rich_editing", "syntax_highlighting",
    "comment_shortcuts", "admin_color", "use_ssl", "show_admin_bar_front", "locale", "dismissed_wp_pointers",
    "show_welcome_panel", "nav_menu_recently_edited", "managenav-menuscolumnshidden",
)  # fmt: skip
#: The same with the tables' prefix before it.
ADMIN_META_PREFIXED = ("capabilities", "user_level", "user-settings", "user-settings-time", "persisted_preferences")

#: Roles of users who buy or read: kept with the customers.
CUSTOMER_ROLES = ("customer", "subscriber")

#: Personal data of the template's owner that the recipe cannot replace: option -> what it is.
OWNER_OPTIONS = (
    "woocommerce_store_address", "woocommerce_store_address_2", "woocommerce_store_city",
    "woocommerce_store_postcode", "woocommerce_email_footer_text",
)  # fmt: skip


def is_trace(table: str) -> bool:
    """Return whether a table (without prefix) is always emptied."""
    return table in ALWAYS_EMPTY or table.startswith(TRACE_PREFIXES)
