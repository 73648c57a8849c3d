"""What new accounts of the server are born with: looked at, filled and emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.panels.base import SkeletonFiles, SkeletonStatus
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from controller.panels.cpanel.driver import CpanelPanel


class Skeleton:
    """The `cpanel3-skel` of root or of the reseller."""

    def __init__(self, panel: CpanelPanel) -> None:
        self._panel = panel

    def status(self) -> SkeletonStatus:
        """Return what it holds."""
        return SkeletonStatus(None, None, None)

    def ensure(self, files: SkeletonFiles) -> SkeletonStatus:
        """It holds these files."""
        raise ShoplaunchError("panel_refused", "this version puts no skeleton on cPanel servers")

    def remove(self) -> None:
        """It holds nothing of ours."""
