"""The schemas, their examples, and our small validator against the full one."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from shared import errors, schema
from shared.errors import ShoplaunchError

FOLDER = Path(schema.__file__).parent / "schemas"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))


def schema_of(example):
    return example.name.split(".")[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_itself_valid_and_has_an_example(name):
    jsonschema.Draft7Validator.check_schema(schema.load_schema(name))
    assert [example for example in EXAMPLES if schema_of(example) == name]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_passes_both_validators(example):
    document = json.loads(example.read_text("utf-8"))
    jsonschema.validate(document, schema.load_schema(schema_of(example)))
    assert schema.validate(schema_of(example), document, "internal") is document


def mutations(document):
    """Yield copies of `document` with one thing broken in each."""
    for key in document:
        without = copy.deepcopy(document)
        del without[key]
        yield without
        for value in (None, "", -1, [], {}, "x" * 100_000, True):
            changed = copy.deepcopy(document)
            changed[key] = value
            yield changed
        if isinstance(document[key], dict):
            for inner in mutations(document[key]):
                changed = copy.deepcopy(document)
                changed[key] = inner
                yield changed
    yield {**document, "unknown_member": 1}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_small_validator_judges_every_mutation_as_the_full_one_does(example):
    document = json.loads(example.read_text("utf-8"))
    full = jsonschema.Draft7Validator(schema.load_schema(schema_of(example)))
    verdicts = set()
    for mutation in mutations(document):
        expected = full.is_valid(mutation)
        try:
            schema.validate(schema_of(example), mutation, "internal")
            ours = True
        except ShoplaunchError:
            ours = False
        assert ours == expected, mutation
        verdicts.add(ours)
    assert False in verdicts


def test_a_line_end_does_not_slip_past_a_pattern():
    document = json.loads((FOLDER / "examples" / "job.restore.json").read_text("utf-8"))
    document["account"]["user"] = "alice\n"
    with pytest.raises(ShoplaunchError, match=r"account\.user"):
        schema.validate("job", document, "job_invalid")


def test_the_catalogue_of_error_codes_follows_its_schema():
    schema.validate("error-codes", {"codes": errors.CODES}, "internal")


def test_an_error_outside_the_catalogue_cannot_be_raised():
    with pytest.raises(KeyError):
        ShoplaunchError("no_such_code")


def test_an_error_carries_advice_in_the_language_asked_for():
    error = ShoplaunchError("disk_space", "12 MB are missing")
    assert error.as_dict()["advice"].startswith("The account")
    assert "حساب" in error.as_dict("fa")["advice"]
    assert error.as_dict()["retryable"] is True
