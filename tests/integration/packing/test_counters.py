"""Counters of emptied tables, and how many rows of each table came along."""

import pytest

from controller.bundles.compile import Request, pack
from controller.bundles.reading import open_bundle
from tests.packing import PlainPlan

