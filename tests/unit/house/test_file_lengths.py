"""No module grows beyond what one reads at a sitting."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_LINES = 400


def test_every_module_has_fewer_than_four_hundred_lines():
    modules = [
        path
        for folder in ("agent", "controller", "shared", "tests", "packaging")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert len(lengths) > 300
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES} == {}
