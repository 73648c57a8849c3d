"""Somebody else in the account's tree."""

import shutil

from tests.resume.faults.model import Fault

OWN = "<?php // my own\n"


class FilesGone(Fault):
    name = "files of the new tree are removed"
    moments = ("unpack", "chunk", "configure")
    how = "the owner removes unpacked folders before they are in the document root"
    what = "reported as `file_error`; the tree is unpacked again"

    def begin(self, world):
        world.wait_for(lambda: "files/0001.tar.gz" in world.shop.state.get("shards", {}))
        for name in ("classes", "img", "empty"):
            shutil.rmtree(world.shop.home / f".shoplaunch-staging-{world.shop.id}" / name)

    def wait_until_met(self, world):
        assert world.wait() == 1
        assert world.errors() == ["file_error"]


class InTheWay(Fault):
    name = "a file in the shop's place"
    moments = ("preflight", "unpack", "index", "configure", "prove")
    how = "the owner puts an index.php into the document root, and removes it after the message"
    what = "it is never overwritten: reported as `docroot_occupied`; `retry` goes on"

    def begin(self, world):
        self._path = world.shop.root / "index.php"
        self._path.write_text(OWN)
        world.shop.own()

    def wait_until_met(self, world):
        assert world.wait() == 3
        assert world.errors() == ["docroot_occupied"]
        assert self._path.read_text() == OWN

    def end(self, world):
        self._path.unlink()
        world.drop(world.attempt + 1)


FAULTS = [FilesGone(), InTheWay()]
