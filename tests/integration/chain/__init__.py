"""Everything at once: WHMCS before the controller, cPanel servers behind it."""

import pytest

pytest.register_assert_rewrite("tests.integration.chain.outcome")
