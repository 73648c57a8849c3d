"""Every habit of cPanel servers and of WHMCS that an order must survive, and why some are not among them."""

from tests.support.worlds.chain import ACCESS_KEY

CHANGING = (
    *("Mysql::create_database", "Mysql::create_user", "Mysql::set_privileges_on_database"),
    *("LangPHP::php_set_vhost_versions", "Fileman::mkdir", "Fileman::save_file_content", "Fileman::fileop"),
    "Cron::add_line",
)
#: Every habit but those every other is measured against, one at a time; the agent is started by hand.
HABITS = {
    "straight quotes": {"quotes": "straight"},
    "guillemets": {"quotes": "guillemets"},
    "German": {"language": "de"},
    "Persian": {"language": "fa"},
    "bare reasons": {"prefixed_reasons": False},
    "texts for yes and no": {"booleans": "str"},
    "no is left out": {"booleans": "missing"},
    "numbers as texts": {"numbers": "str"},
    "packages in other words": {"packages": "wobbling"},
    "files and folders apart": {"file_lists": "dirs_files"},
    "API 2 wrapped": {"api2_envelope": "wrapped"},
    "API 2 unwrapped": {"api2_envelope": "unwrapped"},
    "API 2 as text": {"api2_content_type": "text/plain"},
    "transformed": {"transformed": True},
    "one call at a time": {"batch": False},
    "no name servers shown": {"tells_name_servers": False},
    "other name servers": {"name_servers": ("ns1.other.example", "ns2.other.example", "ns3.other.example")},
    "privileges summed up": {"privileges_listed": "summary"},
    "failures of API 2 as texts": {"api2_failure": "str", "api2_refusal": "error"},
    "silent failures of API 2": {"api2_refusal": "event"},
    "prefix of sixteen": {"prefix": "sixteen"},
    "short prefix": {"prefix": "short"},
    "no prefix": {"prefix": "none"},
    "short user names": {"max_username_length": 16},
    "user names of MySQL 5.7": {"max_username_length": 32},
    "the strongest passwords": {"mysql_strength": 100},
    "another home": {"home_base": "home2"},
    "another document root": {"document_root": "www"},
    "root's skeleton": {"skeleton_of": "root"},
    "no execute bit": {"skeleton_keeps_execute": False},
    "closed new files": {"new_file_mode": 0o600},
    "unlink takes no folder": {"unlink_recursive": False},
    "the host's block at birth": {"php_block_at_birth": True},
    "another handler": {"php_handler": "___lsphp"},
    "a block of php.ini": {"php_ini_block": True},
    "cron made rarer": {"cron_minutes": 5, "cron_too_often": "rewrite"},
    "cron made rarer in words": {"cron_minutes": 5, "cron_too_often": "list"},
    "cron refused that often": {"cron_minutes": 5, "cron_too_often": "refuse"},
    "no AutoSSL": {"autossl": False},
    "slow AutoSSL": {"autossl_seconds": 3.0},
    "slow answers": {"slow": {"*": 0.2}},
    "slow to begin": {"slow_before": {"*": 0.2}},
    "a server's error": {"server_error": {"*": 3}},
    "cut before each first change": {"cuts_before": {name: {1} for name in CHANGING}},
    "cut after each first change": {"cut_first_of_each_change": True},
    "cut after each second change": {"cuts": {name: {2} for name in CHANGING}},
    "each change delivered twice": {"change_twice": True},
}
#: Where the habit shows only in accounts that are created with the skeleton; all others are sold on `cp-bare`.
ON = {"root's skeleton": "cp-reseller", "no execute bit": "cp-root"}
#: Habits that touch the cron line: these shops wait for real cron.
HABITS_OF_CRON = {
    "no count of cron jobs": {"cron_count": False},
    "no MAILTO": {"cron_mailto": False},
    "percent signs escaped": {"cron_escapes_percent": True},
    "cron removes by line": {"cron_remove_by": "line"},
}
#: Habits that keep a shop from being built until somebody fixes them, and those only a command meets: test_failures.
ELSEWHERE = {
    "lates": "what matters is a removal that comes late: tests/integration/cpanel_jobs/test_late_removals.py",
    "repeats": "the same of a removal by number that is delivered again late: there, too",
    "mysql_role": "the job fails, and lives once there are databases",
    "suspended_calls": "concerns suspended accounts",
    "refuse_token": "the job waits until the server lets us in again",
    "auth_forms": "the same, in each form",
    "lockout_after": "the same: no login is tried again",
    "unique_initial": "only `createacct` asks, and WHMCS makes its accounts itself: an order by command",
    "createacct_strength": "the same",
    "shown_late": "the same: the step waits until the account is shown",
    "fails": "a function of WHM that is out of order: `server check` says so in the server's words",
}

ACTIONS = ("SendEmail", "OpenTicket", "AddTicketReply")
MOODS_OF_ACTIONS = ("cut", "html", "http500")
#: What broke is waited for so long that only tests with a clock of their own meet it (tests.integration.billing).
MOODS_ELSEWHERE = ("broken", "late", "last")
#: Every habit of WHMCS, one at a time; the first mail is that the request was received, the second that it is ready.
HABITS_OF_WHMCS = {
    "lists as documented": {"shape": "flat"},
    "lists without wrapper": {"shape": "lists"},
    "numbers": {"shape": "numbers"},
    "a row at a time": {"largest_page": 1},
    "an access key": {"allowed": {"192.0.2.1"}, "access_key": ACCESS_KEY},
    **{f"{mood} at {action}": {"moods": {action: [mood]}} for action in ACTIONS for mood in MOODS_OF_ACTIONS},
    "cut at the second SendEmail": {"moods": {"SendEmail": ["", "cut"]}},
    "slow at the second SendEmail": {"moods": {"SendEmail": ["", "slow"]}, "slow_seconds": 15.0},
    "slow at OpenTicket": {"moods": {"OpenTicket": ["slow"]}, "slow_seconds": 15.0},
}
