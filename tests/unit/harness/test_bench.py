"""`make bench` publishes steady figures only, and replaces a domain as the tools do that it stands in for."""

import json
import os
from types import SimpleNamespace

import pytest
from rich.console import Console

from tests.bench import agents, order_driver, order_to_live, restore, results, search_replace, slow_disk
from tests.bench.chart import draw_waits
from tests.bench.engine import double, fleet
from tests.bench.ways import Run


def found(seconds_of_b, memory=50, bundle_bytes=17_000_000):
    """Return a results.Result whose B took these seconds, A twice and C half as long."""
    result = results.Result("small", "17 MB", bundle_bytes, 40_000_000, 1_000_000)
    for way, factor in (("A", 2.0), ("B", 1.0), ("C", 0.5)):
        result.runs[way] = [Run(factor * seconds, 1.0, 0, 40_000_000) for seconds in seconds_of_b]
    result.looks = [Run(1.0, 1.0, 17_000_000, 40_000_000, size << 20) for size in (51, memory, 49)]
    return result


@pytest.fixture
def options(tmp_path):
    return SimpleNamespace(json=tmp_path / "all.json", markdown=tmp_path / "README.md", svg=tmp_path / "speed.svg")


def test_steady_figures_are_written_between_the_marks_and_drawn(options):
    options.markdown.write_text(f"before\n{restore.BEGIN}old\n{restore.END}behind\n")
    assert restore.publish(options, [found([1.0, 1.1, 1.2])])
    text = options.markdown.read_text()
    assert text.startswith(f"before\n{restore.BEGIN}!") and text.endswith(f"{restore.END}behind\n")
    assert "| agent | 0.55 | 0.50–0.60 | 0.25 | 0.50 |" in text and "old" not in text
    assert "| 50 (49–51) MiB |" in text
    assert "0.55 s" in options.svg.read_text()


def test_nothing_is_published_when_the_floor_itself_varies_too_much(options):
    assert not restore.publish(options, [found([1.0, 1.1, 1.2]), found([1.0, 1.1, 1.5])])
    assert options.json.exists() and not options.markdown.exists() and not options.svg.exists()


def test_memory_that_grows_with_the_shop_is_reported(capsys):
    small, large = found([1.0]), found([1.0], memory=56, bundle_bytes=500_000_000)
    results.show([large, small])
    assert "memory grows" not in capsys.readouterr().out
    large.looks = [Run(1.0, 1.0, 0, 0, 56 << 20)]
    results.show([large, small])
    assert "memory grows to 1.12 times" in capsys.readouterr().out


@pytest.mark.parametrize(("seconds", "ratio"), [([60.0, 54.27, 54.0], "1.005"), ([54.0, 56.75, 60.0], "1.051")])
def test_seconds_on_a_slow_disk_are_shown_with_those_its_bytes_take(tmp_path, capsys, seconds, ratio):
    bundle = tmp_path / "shop.bundle"
    bundle.write_bytes(b"x" * 1700)
    material = SimpleNamespace(bundle=bundle, tree_bytes=3700, shape="a shop")
    floor = slow_disk.floor_of(material, rate=100)
    assert floor == 54.0
    slow_disk.show(Console(width=120), material, floor, 100, seconds)
    output = capsys.readouterr().out
    assert f"{ratio}, at most 1.05 is wanted" in output and "56.70" in output


def test_a_domain_is_replaced_by_key_and_serialized_lengths_follow(mariadb_server):
    database = mariadb_server.new_database()[0]
    connection = mariadb_server.root_connection(database)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT PRIMARY KEY, b TEXT, c VARCHAR(99))")
        cursor.execute("CREATE TABLE keyless (b VARCHAR(99), n INT)")
        row = 'a:1:{s:3:"url";s:24:"http://old.example/1%s\'x";}'
        cursor.execute("INSERT INTO t VALUES (1, %s, NULL), (2, 'other', 'http://old.example/')", [row])
        cursor.execute("INSERT INTO keyless VALUES ('old.example', 7), ('bold.example', 8)")
        assert search_replace.replace(connection, "old.example", "longer.example") == 3
        cursor.execute("SELECT b, c FROM t ORDER BY a")
        moved = 'a:1:{s:3:"url";s:27:"http://longer.example/1%s\'x";}'
        assert list(cursor.fetchall()) == [(moved, None), ("other", "http://longer.example/")]
        cursor.execute("SELECT b, n FROM keyless ORDER BY n")
        assert list(cursor.fetchall()) == [("longer.example", 7), ("bold.example", 8)]
    connection.close()


def test_the_parts_of_an_order_add_up_to_all_of_it():
    ran = {"account": (1.0, 1.2), "cron": (1.8, 2.0), "check": (6.5, 7.0), "tls": (7.0, 7.25)}
    found = order_driver.split(0.0, ran, {"started": 3.0, "finished": 6.0})
    assert found["waited for cron"] == 1.0 and found["agent gone"] == 0.5
    assert sum(seconds for part, seconds in found.items() if part != "in all") == found["in all"] == 7.25


def test_what_one_version_does_next_to_another_part_counts_once():
    """The agent reports before its cron line is noted; the certificate is asked for in parallel with the visits."""
    ran = {"account": (1.0, 1.2), "cron": (1.8, 2.0), "check": (5.0, 7.0), "tls": (5.0, 5.5)}
    found = order_driver.split(0.0, ran, {"started": 1.9, "finished": 6.0})
    assert (found["waited for cron"], found["agent gone"], found["certified"]) == (0.0, 0.0, 0.0)
    assert sum(seconds for part, seconds in found.items() if part != "in all") == found["in all"] == 7.0


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 4), (0.95, 7), (0.01, 1), (1.0, 7)])
def test_a_percentile_is_one_of_the_measured(share, wanted):
    assert order_to_live.percentile([7, 1, 2, 6, 3, 5, 4], share) == wanted


def test_a_part_that_not_every_order_has_is_not_charted():
    orders = [{"in all": 2.0, "follow-up job": 1.0}, {"in all": 4.0}, {"in all": 3.0}]
    assert order_to_live.medians(orders) == {"in all": 3.0}


def test_the_picture_has_work_and_waiting_to_one_scale():
    """Bars of two versions have the lengths of their seconds."""
    versions = {
        "a": {"prepared": 1.0, "waited for cron": 3.0, "in all": 4.0, "follow-up job": 9.0},
        "b": {"prepared": 1.0, "waited for cron": 35.0, "in all": 36.0},
    }
    drawn = draw_waits(versions, order_to_live.WAITS)
    bars = [
        row.split('width="')[1].split('"')[0] for row in drawn.splitlines() if "<rect class" in row and "<title>" in row
    ]
    work, waiting, other, longest = map(float, bars)
    assert other == work and waiting == pytest.approx(3 * work, abs=0.2) and longest == pytest.approx(35 * work, abs=2)
    assert "36.0 s" in drawn and "follow-up" not in drawn


@pytest.mark.parametrize(
    ("number", "least", "most"),
    # As in tables of the sign test: of 15 pairs the fourth and the twelfth, of five the outermost two
    [(15, 3, 11), (11, 1, 9), (9, 1, 7), (5, 0, 4), (1, 0, 0)],
)
def test_the_interval_of_a_median_is_that_of_the_order_of_its_pairs(number, least, most):
    assert agents.interval([float(one) for one in reversed(range(number))]) == (least, most)


def test_a_call_to_a_server_is_noted_when_it_begins_and_when_it_has_ended(tmp_path, monkeypatch):
    (tmp_path / "web1").mkdir()
    server, calls = double.Double(tmp_path / "web1", ("127.0.0.1", 80), 0.0), tmp_path / "web1" / "calls"
    at_work = []
    monkeypatch.setattr(double.time, "sleep", lambda _seconds: at_work.append(calls.read_text()))
    server.ensure_account("bob", "shop.example.com", create=True, email="owner@example.com")
    (begun,), (_same, ended) = at_work[0].splitlines(), calls.read_text().splitlines()
    began, *rest = json.loads(begun)
    assert rest == [None, "bob", os.getpid(), "ensure_account"]
    assert json.loads(ended) == [began, json.loads(ended)[1], *rest[1:]] and json.loads(ended)[1] >= began


@pytest.mark.parametrize(("killed", "most"), [({7: 4.0}, 2), ({}, 3)])
def test_a_call_that_was_cut_off_counts_until_its_process_was_killed(tmp_path, killed, most):
    lines = [
        [1.0, None, "cut", 7, "ensure_cron"], [2.0, None, "one", 8, "ensure_cron"], [2.0, 3.0, "one", 8, "ensure_cron"],
        [3.5, 3.6, "one", 9, "remove_cron"], [5.0, None, "one", 8, "cron_lines"], [5.1, None, "two", 8, "ensure_php"],
        [5.2, 5.3, "", 8, "list_accounts"], [5.0, 5.5, "one", 8, "cron_lines"], [5.1, 5.6, "two", 8, "ensure_php"],
    ]  # fmt: skip
    (tmp_path / "calls").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert fleet.most_at_once(tmp_path / "calls", 9, killed) == most
