"""What servers say when their machine has run out of something, in the words of MariaDB 10.6 to 11.8 and MySQL 8."""

import pytest

from agent.database.access import as_database_failure
from shared.database.disk_errors import cause

SPACE = '28 "No space left on device"'
SAID = [
    (1021, "Disk full (/tmp/#sql_1_0.MAI); waiting for someone to free some space...", "full"),
    (1114, "The table 'ps_cart' is full", "full"),
    (1878, "Temporary file write failure", "full"),
    (1296, "Got error 59 'Temp file write failure' from InnoDB", "full"),
    (3, f"Error writing file '/tmp/#sql/fd=54' (Errcode: {SPACE})", "full"),
    (3, "Error writing file '/tmp/MYfd=54' (OS errno 28 - No space left on device)", "full"),
    (1, f"Can't create/write to file '/tmp/ibx3fYbC' (Errcode: {SPACE})", "full"),
    (1005, 'Can\'t create table `a`.`c2` (errno: 135 "No more room in record file")', "full"),
    (1026, f"Error writing file './binlog.000001' (errno: {SPACE})", "full"),
    (1030, f"Got error {SPACE} from storage engine InnoDB", "full"),
    (1030, 'Got error 122 "Disk quota exceeded" from storage engine InnoDB', "full"),
    (1030, "Got error 122 - 'Internal (unspecified) error in handler' from storage engine", None),
    (1030, 'Got error 168 "Unknown (generic) error from engine" from storage engine', None),
    (1005, 'Can\'t create table `a`.`b` (errno: 150 "Foreign key constraint is incorrectly formed")', None),
    (1, "Can't create/write to file './a/b.frm' (Errcode: 30 \"Read-only file system\")", "read_only"),
    (1016, "Can't open file: './a/b.frm' (errno: 24 \"Too many open files\")", "busy"),
    (5, "Out of memory (Needed 8388608 bytes)", None),
    (1205, "Lock wait timeout exceeded; try restarting transaction", None),
    (1064, "You have an error in your SQL syntax near 'error 28'", None),
    (0, "Errcode: 28", None),
]
CODES = {"full": "quota_reached", "read_only": "read_only", "busy": "db_busy"}


@pytest.mark.parametrize("number, text, wanted", SAID)
def test_what_the_machine_lacks_is_known_by_number_and_text(number, text, wanted):
    assert cause(number, text) == wanted


@pytest.mark.parametrize("number, text, wanted", [one for one in SAID if one[2]])
def test_the_agent_reports_what_may_pass_and_goes_on_afterwards(number, text, wanted):
    import pymysql

    failure = as_database_failure(pymysql.err.OperationalError(number, text))
    assert (failure.code, failure.retryable) == (CODES[wanted], True)
