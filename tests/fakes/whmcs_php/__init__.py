"""WHMCS around an addon: real PHP, real tables, one process per page, and only what WHMCS documents."""
