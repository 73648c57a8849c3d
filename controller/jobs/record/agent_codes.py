"""The codes of errors that an agent may report: with any other one an account would speak in the controller's name."""

from __future__ import annotations

#: Those that the sources of the agent, of its launcher and of what both sides share name; a test compares.
CODES = frozenset({
    "account_limits", "bundle_damaged", "bundle_digest", "bundle_format", "bundle_missing", "bundle_slow",
    "bundle_store_failed", "callback_failed", "callback_refused", "cancelled", "clock_skew", "configure_failed",
    "controller_foreign", "cron_edit_failed", "db_access_denied", "db_asks_for_files", "db_auth_plugin",
    "db_auth_unsafe", "db_busy", "db_collation", "db_data_error", "db_engine", "db_error", "db_host_refused",
    "db_key_length", "db_locked", "db_missing", "db_not_empty", "db_packet", "db_privileges", "db_socket_foreign",
    "db_socket_unnamed", "db_tls", "db_trigger_denied", "db_unreachable", "db_version", "disk_space",
    "docroot_missing", "docroot_occupied", "edit_mismatch", "event_invalid", "file_error", "inodes", "internal",
    "job_expired", "job_exposed", "job_format", "job_invalid", "job_missing", "limits_too_small",
    "manifest_invalid", "path_refused", "placeholder_invalid", "placeholder_unknown", "proof_cell", "proof_digest",
    "proof_rows", "proof_rows_affected", "python_missing", "quota_reached", "read_only", "residue_found",
    "signature_invalid", "stale_state", "superseded", "switch_failed", "tls_untrusted", "unsafe_path",
    "variant_unknown", "wrong_account",
})  # fmt: skip
