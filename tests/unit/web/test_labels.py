"""Labels of pages: how commands in a text are marked up."""

import pytest

from controller.web.support.labels import with_code


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("See `shoplaunch jobs`.", 'See <span class="held"><code dir="ltr">shoplaunch jobs</code>.</span>'),
        ("Cancel it (`x ID`), or wait.", 'Cancel it <span class="held">(<code dir="ltr">x ID</code>),</span> or wait.'),
        (
            "`a` and `b`",
            '<span class="held"><code dir="ltr">a</code></span> and <span class="held"><code dir="ltr">b</code></span>',
        ),
        ("`<b>` & <i>", '<span class="held"><code dir="ltr">&lt;b&gt;</code></span> &amp; &lt;i&gt;'),
        ("it`s a text", "it`s a text"),
        ("", ""),
    ],
)
def test_commands_are_code_and_no_line_begins_with_what_follows_them(text, html):
    assert with_code(text) == html
