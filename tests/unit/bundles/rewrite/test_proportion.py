"""A needle that stands in a large part of an application's own programs is a word and no name of a shop."""

from collections import Counter

import pytest

from controller.bundles.rewrite.proportion import Proportion
from shared.errors import ShoplaunchError


def counted(files, named, each=1, path="classes/{}.php", needle=b"needle"):
    found = Proportion()
    for number in range(files):
        found.saw(path.format(number).encode(), Counter({needle: each} if number < named else {}))
    return found


def test_a_word_of_the_programs_is_refused_with_how_often_it_stands_there():
    found = counted(17_000, 4_272, 18, needle=b".")
    with pytest.raises(
        ShoplaunchError, match=r"needle_too_common.*'\.' would be replaced 76896 times in 4272 of 17000"
    ):
        found.require_plausible()


def test_few_files_with_very_many_of_it_are_as_bad():
    with pytest.raises(ShoplaunchError, match="needle_too_common"):
        counted(10_000, 150, 100).require_plausible()


@pytest.mark.parametrize(
    ("files", "named", "each", "path"),
    [(5_000, 400, 3, "modules/agency/{}.php"), (60, 60, 9, "classes/{}.php"),
     (9_000, 9_000, 5, "wp-content/uploads/{}.css"),
     (9_000, 9_000, 5, "var/cache/prod/{}.php"), (9_000, 9_000, 5, "pages/{}.html"), (0, 0, 0, "{}")],
)  # fmt: skip
def test_a_shop_whose_makers_name_it_often_is_not(files, named, each, path):
    counted(files, named, each, path).require_plausible()


def test_what_other_processes_counted_counts():
    found = counted(150, 80)
    found.require_plausible()
    found.absorb(counted(150, 80))
    with pytest.raises(ShoplaunchError, match="160 times in 160 of 300"):
        found.require_plausible()
