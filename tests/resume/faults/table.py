"""All faults, and the table of them in FAULTS.md."""

from tests.resume.faults import clocks, databases, disks, processes, reports, trees
from tests.resume.faults.model import MOMENTS

FAMILIES = (databases, disks, reports, clocks, processes, trees)
FAULTS = [fault for family in FAMILIES for fault in family.FAULTS]

#: What other tests show: (fault, when, how it is brought about, what then happens, file, a test in it).
ELSEWHERE = (
    (
        "SIGKILL",
        "before and after every fsync, rename, removal, commit, report and cron edit",
        "in turn the whole process group, the parent, the helper",
        "the next tick goes on; no chunk is imported twice",
        "tests/resume/test_every_instant.py",
        "test_killed_at_any_durable_point_the_shop_is_the_same",
    ),
    (
        "SIGKILL at random, again and again",
        "any",
        "seeded; 8 in every run, 200 nightly",
        "as above",
        "tests/resume/test_kills.py",
        "test_killed_again_and_again_at_random",
    ),
    (
        "SIGKILL while the bundle is fetched",
        "before and after every fsync, rename and removal; in the middle of the body, again and again",
        "the whole process group; the server's file as it was, or another",
        "the next tick asks for what is missing; no half or mixed bundle is taken for a whole one",
        "tests/resume/test_fetch_kills.py",
        "test_killed_again_and_again_in_the_body_every_tick_asks_for_what_is_missing",
    ),
    (
        "SIGKILL and power cut in the switch",
        "at every change of a name",
        "the home's disk is looked at as the next boot finds it",
        "visitors meet the page or the whole shop",
        "tests/resume/test_power_cut.py",
        "test_a_power_cut_at_any_change_of_the_switch_leaves_the_page_or_the_whole_shop",
    ),
    (
        "the disk loses what it took (EIO)",
        "unpack",
        "a file is emptied behind the agent's back, which the kernel reports once; then SIGKILL",
        "reported as `file_error`; the shard is unpacked again, whichever process got the error",
        "tests/resume/test_lost_writes.py",
        "test_nor_when_the_process_that_was_woken_dies_at_once",
    ),
    (
        "a write is refused (ENOSPC, EDQUOT, EIO, EROFS, EPERM)",
        "at any file made, written, renamed or removed; a few of all in every run, the rest nightly",
        "the call fails, alone or until there is room",
        "reported with a code that says why; no half shop is served; the next tick after there is room goes on",
        "tests/resume/test_refused_writes.py",
        "test_whatever_write_a_disk_refuses_the_shop_is_whole_once_there_is_room",
    ),
    (
        "no inode left (ENOSPC)",
        "everywhere; a third of it in every run",
        "the small file system with the home takes no further file, though there is room",
        "as of a full disk",
        "tests/resume/faults/test_no_inodes.py",
        "test_an_account_that_may_hold_no_more_files_gets_the_same_shop_once_it_may",
    ),
    (
        "controller killed",
        "before and after each of its writes, from order to living shop",
        "SIGKILL",
        "the next controller goes on; a plain mail handed over and not yet noted is sent once more, no other twice",
        "tests/integration/controller/killed/test_killed_between_writes.py",
        "test_killed_at_any_write_the_next_controller_ends_in_the_same_shop",
    ),
    (
        "service killed",
        "in the middle of a step",
        "SIGKILL to its process group",
        "as above",
        "tests/integration/controller/killed/test_service_killed.py",
        "test_a_service_killed_in_a_step_goes_on_when_it_is_started_again",
    ),
    (
        "controller killed",
        "before, within and after each write of launcher, agent, job file and cron line into an account",
        "SIGKILL",
        "the next controller leaves one of each; the agent restores the shop",
        "tests/integration/controller/killed/test_killed_between_panel_writes.py",
        "test_killed_at_any_of_them_the_next_controller_leaves_one_of_each_and_the_shop_is_restored",
    ),
    (
        "controller killed",
        "before, within, late within and after each call that changes something on a cPanel server",
        "SIGKILL",
        "the next controller leaves one of each: database, user, rights, files with their modes, cron line",
        "tests/integration/cpanel_jobs/test_killed_between_calls.py",
        "test_killed_at_any_of_them_the_next_controller_leaves_one_of_each",
    ),
    (
        "controller killed",
        "once an agent's starter is written, right before and after it is asked for",
        "SIGKILL",
        "the next controller finds it by its name: the agent is started once, no starter stays",
        "tests/integration/cpanel_jobs/test_killed_at_the_start.py",
        "test_the_agent_is_started_once_and_no_starter_stays",
    ),
    (
        "controller's database locked",
        "while an agent reports; while mail is sent",
        "another connection holds SQLite's lock",
        "the report is tried again and counts; the mail is not sent twice",
        "tests/integration/controller/engine/workers/test_hard_times.py",
        "test_a_report_that_meets_a_locked_database_is_to_be_tried_again_and_then_counts",
    ),
    (
        "controller's database gone for a minute",
        "in a step, under a report, in the last check",
        "its MariaDB or PostgreSQL crashes",
        "nothing is done twice",
        "tests/integration/controller/db/test_database_gone.py",
        "test_a_database_server_that_dies_in_a_step_and_under_a_report_costs_nothing",
    ),
)
CROSSED = "tests/resume/faults/test_crossed.py"
HEAD = ("| fault | when | how it is brought about | what happens | shown by |", "|---|---|---|---|---|")


def rows():
    """Return the lines of the table."""
    found = list(HEAD)
    for fault in FAULTS:
        when = "everywhere" if fault.moments == MOMENTS else ", ".join(fault.moments)
        shown = f"`{CROSSED}`" + (", nightly" if fault.is_long else "")
        found.append(f"| {fault.name} | {when} | {fault.how} | {fault.what} | {shown} |")
    found += [f"| {name} | {when} | {how} | {what} | `{file}` |" for name, when, how, what, file, _ in ELSEWHERE]
    return found
