"""Starters in a document root: never in the shop's way, gone when an agent works or leaves; no client's file is."""

import logging
import os
from types import SimpleNamespace

import pytest

from agent.stages import cleanup
from agent.tree import document_root, starters
from controller.panels.cpanel.start.starter import Starter
from shared.starter import MARK, is_starter

LOG = logging.getLogger("test")
STARTER = Starter(b"key", "abcdefgh", 1)
TEXT = STARTER.content("demo", "/home/demo")


def job_of(root, folder=None, names=(STARTER.name,)):
    rules = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "refuse", "starters": list(names)}
    below = {"folder": folder} if folder else {}
    return {
        "account": {"root": f"{root}/{folder}" if folder else str(root)},
        "document_root": {**rules, **below},
        "values": {},
    }


def context_of(root):
    ctx = SimpleNamespace(root=str(root), domain_root=str(root), shop_folder="", job=job_of(root), folder=str(root))
    ctx.state = SimpleNamespace(data={})
    return ctx


@pytest.mark.parametrize("content", [TEXT, b"", TEXT[:5], TEXT[:400]], ids=["whole", "empty", "five bytes", "a part"])
def test_a_starter_nobody_asked_for_does_not_occupy_the_document_root(tmp_path, content):
    (tmp_path / STARTER.name).write_bytes(content)
    assert document_root.check(context_of(tmp_path)) == []


@pytest.mark.parametrize("content", [b"<?php // the client's own", b"x", MARK[:-4] + b"else"])
def test_a_file_of_that_name_with_something_else_in_it_is_the_clients(tmp_path, content):
    (tmp_path / STARTER.name).write_bytes(content)
    assert document_root.check(context_of(tmp_path)) == [STARTER.name]
    starters.remove(job_of(tmp_path), LOG)
    assert (tmp_path / STARTER.name).read_bytes() == content


def test_a_starter_with_a_name_unknown_to_the_job_is_left_alone(tmp_path):
    other = Starter(b"another key", "abcdefgh", 1).name
    (tmp_path / other).write_bytes(TEXT)
    assert document_root.check(context_of(tmp_path)) == [other]
    starters.remove(job_of(tmp_path), LOG)
    assert (tmp_path / other).exists()


@pytest.mark.parametrize("content", [TEXT, b"", TEXT[:5], TEXT[:400]], ids=["whole", "empty", "five bytes", "a part"])
@pytest.mark.parametrize("folder", [None, "shop", "a/b"])
def test_starters_and_what_they_left_are_removed_from_the_domains_root(tmp_path, content, folder):
    (tmp_path / STARTER.name).write_bytes(content)
    (tmp_path / f"{STARTER.name}.tmp").write_bytes(b"")
    (tmp_path / "index.php").write_bytes(TEXT)
    starters.remove(job_of(tmp_path, folder), LOG)
    assert os.listdir(tmp_path) == ["index.php"]


def test_links_and_folders_of_that_name_are_left_alone(tmp_path):
    target = tmp_path / "kept.php"
    target.write_bytes(TEXT)
    second = Starter(b"key", "abcdefgh", 2).name
    (tmp_path / STARTER.name).symlink_to(target)
    (tmp_path / second).mkdir()
    starters.remove(job_of(tmp_path, names=[STARTER.name, second]), LOG)
    assert sorted(os.listdir(tmp_path)) == sorted(["kept.php", STARTER.name, second])


def test_a_document_root_that_is_gone_or_closed_is_no_failure(tmp_path):
    starters.remove(job_of(tmp_path / "nowhere"), LOG)
    starters.remove({"account": {"root": str(tmp_path)}}, LOG)


def test_names_that_are_none_lead_nowhere(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").write_bytes(TEXT)
    starters.remove(job_of(tmp_path / "root", names=["../outside"]), LOG)
    assert (tmp_path / "outside").exists()


def test_cleaning_up_takes_starters_away_before_the_job_file_that_names_them(tmp_path, monkeypatch):
    folder, root = tmp_path / ".shoplaunch", tmp_path / "public_html"
    folder.mkdir()
    root.mkdir()
    (root / STARTER.name).write_bytes(TEXT)
    (folder / "job").write_bytes(b"x")

    def spend(_folder):
        assert os.listdir(root) == []
        raise InterruptedError

    monkeypatch.setattr(cleanup, "check_no_newer", lambda *_: None)
    monkeypatch.setattr(cleanup, "_spend_job", spend)
    with pytest.raises(InterruptedError):
        cleanup.run(str(folder), SimpleNamespace(data={"job": "abcdefgh", "attempt": 1}), job_of(root), LOG)


def test_every_beginning_of_a_starter_is_known_as_one():
    assert all(is_starter(TEXT[:length]) for length in range(len(TEXT)))
    assert not is_starter(b"<?php\n// Shoplaunch is something")
