"""The codes of errors that a call ends with."""

import pytest

from shared.errors import ShoplaunchError


def error_code(call, *arguments, **more):
    """Return the code of the ShoplaunchError that `call(*arguments, **more)` must raise."""
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments, **more)
    return caught.value.code


def code_or_none(call):
    """Return the code of the ShoplaunchError that `call()` raises, "none" when it raises nothing."""
    try:
        call()
    except ShoplaunchError as error:
        return error.code
    return "none"
