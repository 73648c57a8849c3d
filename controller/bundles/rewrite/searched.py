"""Determines the needles for which a finished bundle and shop are searched, narrower where one may stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.bundles.rewrite.contexts.boundaries import SOMETHING_ELSE
from controller.bundles.rewrite.contexts.hosts import is_weak
from controller.bundles.rewrite.rewrite_report import Left
from controller.recipes.base import Replacement
from controller.recipes.location import paths

#: Replaces a needle that must stay somewhere as part of another host's name: the needle with a mark next to it.
_NARROWED = (b"//%s/", b'//%s"', b"//%s'", b"@%s", b"^%s$", b'"%s"', b"'%s'", b"%s/")
#: The same for a host that every machine has: only its addresses are the shop's.
_ADDRESSES = tuple(b"http%s://%%s%s" % (secure, mark) for secure in (b"", b"s") for mark in (b"/", b'"', b"'", b"?"))


def uncovered(replacements: Sequence[Replacement]) -> list[Replacement]:
    """Return the hosts and paths that no other of them covers."""
    wanted = [one for one in replacements if one.kind in ("domain", "path")]
    return [one for one in wanted if not any(_covers(other, one) for other in wanted)]


def needles_of(one: Replacement, left: Iterable[Left]) -> list[bytes]:
    """Return `one` itself, or narrower spellings if it stays as part of something else."""
    stays = [each.around for each in left if _is_of(one, each)]
    if _is_weak(one):
        narrowed = _of_weak(one)
    elif stays:
        narrowed = [mark % one.old for mark in _NARROWED]
    else:
        return [one.old]
    return [needle for needle in narrowed if not any(needle in around for around in stays)]


def _covers(other: Replacement, one: Replacement) -> bool:
    """Return whether `other` is found wherever `one` occurs."""
    return other.kind == one.kind and other.old != one.old and other.old in one.old and not _is_weak(other)


def _is_weak(one: Replacement) -> bool:
    if one.kind == "domain":
        return is_weak(one.old)
    return paths.is_weak(one.old.decode("utf-8", "replace"))


def _of_weak(one: Replacement) -> list[bytes]:
    if one.kind == "path":
        return [b"file://%s/" % one.old]
    # A needle with its scheme is covered by the addresses of its host
    return [] if b"://" in one.old else [mark % one.old for mark in _ADDRESSES]


def _is_of(one: Replacement, each: Left) -> bool:
    return each.reason in SOMETHING_ELSE and one.old.lower() in each.around.lower()
