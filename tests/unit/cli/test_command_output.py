"""What the command line makes of trouble."""

import shutil
from pathlib import Path

import pytest

from controller.cli.terminal.output import as_failure


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_that_the_system_refuses_is_named_whatever_names_it(tmp_path, kind):
    missing = tmp_path / "gone"
    with pytest.raises(OSError) as caught:
        shutil.rmtree(kind(missing))
    failure = as_failure(caught.value)
    assert (failure.code, failure.message) == ("file_error", f"{missing}: No such file or directory")
