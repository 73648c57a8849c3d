"""Lists PrestaShop's tables that are emptied in a template, and the removed rows of others (names without prefix)."""

from __future__ import annotations

#: Traces of visits, data that is generated again (such as sales totals), access of others. Always emptied.
ALWAYS_EMPTY = frozenset(
    """
    connections connections_page connections_source statssearch page page_viewed date_range pagenotfound
    referrer_cache sekeyword log mail smarty_cache smarty_lazy_cache smarty_last_flush employee_session customer_session
    configuration_kpi configuration_kpi_lang
    admin_filter import_match module_history layered_filter_block webservice_account webservice_account_shop
    webservice_permission api_client api_access authorized_application employee_account memcached_servers
    ganalytics ganalytics_data blockwishlist_statistics mail_alert_log accounts_refresh_token
    pscheckout_cart pscheckout_order pscheckout_customer pscheckout_payment_token pscheckout_refund
    pscheckout_capture pscheckout_authorization pscheckout_purchase_unit_matrice eventbus_sync eventbus_type_sync
    eventbus_job eventbus_incremental_sync eventbus_live_sync eventbus_deleted_objects
    """.split()  # noqa: SIM905
)

#: Customers and their data. Emptied unless the operator keeps them.
CUSTOMERS = frozenset(
    """
    cart cart_cart_rule cart_product cart_rule_customer compare compare_product customer customer_group
    customer_message customer_message_sync_imap customer_thread customization customized_data emailsubscription
    guest loyalty loyalty_history mailalert_customer_oos message message_readed mutation newsletter
    order_carrier order_cart_rule order_detail order_detail_tax order_history order_invoice order_invoice_payment
    order_invoice_tax order_payment order_return order_return_detail order_slip order_slip_detail
    order_slip_detail_tax orders product_comment product_comment_grade product_comment_report
    product_comment_usefulness product_sale psgdpr_log referralprogram shipment shipment_product stock_mvt
    wishlist wishlist_email wishlist_product wishlist_product_cart
    customer_b2b business_entity business_entity_customer_b2b business_entity_identifier business_entity_address
    """.split()  # noqa: SIM905
)

#: Payments that no column links to a customer or an order.
PAYMENTS = frozenset(
    """
    stripe_event stripe_payment_intent stripe_idempotency_key stripe_capture stripe_payment stripe_customer
    paypal_webhook paypal_ipn mollie_payments mollie_pending_order_cart pscheckout_order_matrice
    """.split()  # noqa: SIM905
)

#: Rows of customers in tables that hold other rows too: table -> (columns it must have, condition of rows to keep).
CUSTOMER_ROWS = {
    "address": (("id_customer",), "`id_customer` = 0"),
    "specific_price": (("id_customer", "id_cart"), "`id_customer` = 0 AND `id_cart` = 0"),
    "cart_rule": (("id_customer",), "`id_customer` = 0"),
}
#: Since 9.2 addresses of companies belong to no customer: this table names them.
COMPANIES = "business_entity_address"
#: PrestaShop's own tables that may hold an address or number of the owner, and are judged by other rules.
JUDGED = frozenset({"contact", "employee", "store", "supplier", "manufacturer", "configuration", "shop_url"})
#: Tables of vouchers: rows of customers' vouchers are removed.
OF_CART_RULES = (
    "cart_rule_carrier", "cart_rule_country", "cart_rule_group", "cart_rule_lang", "cart_rule_product_rule_group",
    "cart_rule_shop",
)  # fmt: skip

#: Personal data of the template's owner that a shop needs and the recipe cannot replace: table -> what it is.
OWNERS = {
    "store": "addresses of stores",
    "store_lang": "names and notes of stores",
    "supplier": "names of suppliers",
    "manufacturer": "names of manufacturers",
    "cms_lang": "pages with texts of the template's owner (imprint, terms)",
}

#: Settings with the owner's address.
OWNER_SETTINGS = (
    "PS_SHOP_DETAILS", "PS_SHOP_ADDR1", "PS_SHOP_ADDR2", "PS_SHOP_CODE", "PS_SHOP_CITY", "PS_SHOP_PHONE",
    "PS_SHOP_FAX", "BLOCKCONTACTINFOS_COMPANY", "BLOCKCONTACTINFOS_ADDRESS", "BLOCKCONTACTINFOS_PHONE",
    "BLOCKCONTACTINFOS_EMAIL", "BLOCKCONTACT_TELNUMBER", "BLOCKCONTACT_EMAIL",
)  # fmt: skip

#: Columns with names of staff in tables that may stay: emptied.
STAFF_COLUMNS = ("employee_lastname", "employee_firstname")
