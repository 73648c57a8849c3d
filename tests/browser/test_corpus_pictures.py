"""What the corpus's walk calls a broken picture."""

from tests.browser.chromium.chrome import chrome
from tests.corpus.walks.browsing import PICTURES

PAGE = '<img src=""><div style="display:none"><img src="" id="preview"><img src="gone.png"></div>'


def test_a_hidden_place_for_a_picture_is_none_that_is_broken(tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    with chrome() as driver:
        driver.get((tmp_path / "page.html").as_uri())
        good, waiting, broken = driver.execute_script(PICTURES)
    assert not good and not waiting
    assert [one.rpartition("/")[2] for one in broken] == ["page.html", "gone.png"]
