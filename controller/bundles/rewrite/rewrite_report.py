"""Reports what rewriting did: which forms it replaced where and how often, and what it left."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from controller.bundles.packing_report import FromRoot, Rewriting

_SHOWN_PLACES = 50


@dataclass(frozen=True)
class Left:
    """Something seen but not rewritten. `around` holds the neighbouring bytes."""

    place: str
    reason: str
    around: bytes


class Report:
    """Collects the events of rewriting."""

    def __init__(self) -> None:
        self.forms: Counter[str] = Counter()
        self._places: dict[str, Counter[str]] = defaultdict(Counter)
        self.left: list[Left] = []
        self.notes: Counter[tuple[str, str]] = Counter()
        #: File of a theme -> its addresses from the domain's root, which stay.
        self.from_root: Counter[str] = Counter()
        #: Needle -> number of replacements since this was cleared.
        self.needles: Counter[bytes] = Counter()

    def rewritten(self, form: str, place: str, needle: bytes = b"") -> None:
        """Count one replaced needle; `form` is its encoding there."""
        self.needles[needle] += 1
        self.forms[form] += 1
        self._places[form][place] += 1

    def leave(self, place: str, reason: str, around: bytes = b"") -> None:
        """Record something that stays as it is."""
        self.left.append(Left(place, reason, around))

    def note(self, place: str, what: str) -> None:
        """Record something rewritten that the operator should know about."""
        self.notes[(place, what)] += 1

    def count_from_root(self, place: str, count: int) -> None:
        """Count the addresses in a theme's code that begin at the domain's root."""
        if count:
            self.from_root[place] += count

    def absorb(self, other: Report) -> None:
        """Add another report's events."""
        self.forms += other.forms
        for form, places in other._places.items():
            self._places[form] += places
        self.left += other.left
        self.notes += other.notes
        self.from_root += other.from_root

    def as_json(self) -> Rewriting:
        """Return {"forms", "places", "left", "notes"}, with "from_root" if any, the same in any reading order."""
        left = Counter((one.place, one.reason) for one in self.left)
        made: Rewriting = {
            "forms": dict(sorted(self.forms.items())),
            "places": {form: _most(places) for form, places in sorted(self._places.items())},
            "left": [{"place": place, "reason": why, "count": n} for (place, why), n in sorted(left.items())],
            "notes": [{"place": place, "what": what, "count": n} for (place, what), n in sorted(self.notes.items())],
        }
        if (from_root := self._from_root())["count"]:
            made["from_root"] = from_root
        return made

    def _from_root(self) -> FromRoot:
        return {"count": self.from_root.total(), "places": _most(self.from_root)}


def _most(places: Counter[str]) -> dict[str, int]:
    return dict(sorted(places.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_PLACES])
