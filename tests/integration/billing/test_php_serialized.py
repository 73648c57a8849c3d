"""Custom variables as PHP itself reads them."""

import base64
import json
import subprocess

import pytest

from controller.billing.whmcs.php_serialized import custom_variables

TEXTS = [
    "",
    "plain",
    "نورا",
    "می\u200cخواهم",
    "🎉👩\u200d👧",
    'O\'Brien "x"',
    '";}a:1:{',
    "\\n\r\n\t",
    "{$smarty}",
    "s:3:",
]
_READ = "echo json_encode(unserialize(base64_decode(stream_get_contents(STDIN))), JSON_THROW_ON_ERROR);"


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_php_reads_what_was_written(text):
    values = {"shop_login": text, "zweite": "x", text or "empty": "key"}
    done = subprocess.run(
        ["php", "-r", _READ], input=custom_variables(values), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == values
    assert base64.b64decode(custom_variables(values), validate=True)
