"""A secret of a known form in a comment is blanked; one that has an effect, or may have one, is asked about."""

import base64
import json
import random
import subprocess

import pytest

from controller.bundles.comments import php
from controller.bundles.comments.blanking import MOST_BYTES, without_secrets
from controller.bundles.comments.languages import LANGUAGES, language_of
from controller.bundles.review.known_forms import KnownForms
from controller.recipes.secrets import forms
from tests.support.shops.secret_samples import FORMS

KEY = FORMS["key of Mailchimp"].encode()
PEM = FORMS["private key"].encode()
#: Behind it begins nothing that the code before has opened.
CODE = b"<?php\n$a = 1;\n"


def left(path, content):
    """Return (the file as it is packed, what is asked about, what was blanked)."""
    made = KnownForms([]).in_file(path, content)
    return made.content, made.findings, made.blanked


IN_COMMENTS = {
    "php line": (b"plugins/x/a.php", CODE + b"//https://us20.api.example.com/3.0/lists?apikey=%b\n$b = 2;"),
    "php line at the end": (b"plugins/x/a.php", CODE + b"// %b"),
    "php line until code ends": (b"plugins/x/a.php", b"<?php f(); // %b ?><p>text</p>"),
    "php hash": (b"plugins/x/a.php", CODE + b"# %b\r\n$b = 2;"),
    "php block": (b"plugins/x/a.php", CODE + b"/* a\n * %b\n */ $b = 2;"),
    "php behind texts": (b"x/a.php", CODE + b"$b = 'it\\'s // no'; $c = \"a \\\" # b\"; // %b\n"),
    "php behind code in a text": (b"x/a.php", CODE + b"$b = \"{$c[\"//\"]} ${d['/*']}\"; // %b\n"),
    "php behind a here document": (b"x/a.php", CODE + b"$b = <<<T\nit's // {$c[\"'\"]}\nT;\n// %b\n"),
    "php behind a now document": (b"x/a.php", CODE + b"$b = <<<'T'\nit's {$c /*\n  T;\n// %b\n"),
    "php behind an attribute": (b"x/a.php", CODE + b"#[Route('/a')]\nfunction f() {} // %b\n"),
    "php in its page": (b"x/a.php", b"<?php f(); ?>\n<p>it's</p><!-- %b -->\n<?= $a ?>"),
    "php in a script of its page": (b"x/a.php", b"<?php f(); ?><script>\nvar a = 'x'; // %b\n</script>"),
    "php of old endings": (b"x/a.inc", CODE + b"// %b\n"),
    "script line": (b"x/a.js", b"var a = 'http://x'; // %b\nf();"),
    "script block": (b"x/a.js", b"f(); /* %b */ g();"),
    "script behind a division": (b"x/a.js", b"a = (b + c) / d; e = f[1] / 2 // %b\n"),
    "script behind an expression": (b"x/a.mjs", b"if (a) /['\"]/.test(b); c = /[/'\"]/g; // %b\n"),
    "script behind a template": (b"x/a.ts", b"a = `it's ${b ? `'${c}` : {}} //`; // %b\n"),
    "script hidden from old browsers": (b"x/a.js", b"<!-- don't\nf(); // %b\n//-->"),
    "style block": (b"themes/x/a.css", b"a { background: url(//x/*.png) } /* %b */ b { color: red }"),
    "style line": (b"themes/x/a.scss", b"$a: 'http://x'; // %b\nb { color: red }"),
    "page": (b"x/a.html", b"<a title='<!--' b=\">\">don't</a> <!-- old: %b --><p>text"),
    "style of a page": (b"x/a.htm", b"<style>/* %b */ a { color: red }</style>"),
    "script of a page": (b"x/a.html", b"<script type=\"text/javascript\">f(); // %b\n</script>"),
    "document": (b"modules/x/a.xml", b"<a><![CDATA[ <!-- ]]><!-- %b --></a>"),
    "picture": (b"img/a.svg", b"<svg><!-- %b --></svg>"),
    "smarty": (b"themes/x/a.tpl", b"<p>{$a}</p>{* %b *}{literal}{*{/literal}"),
    "page of smarty": (b"themes/x/a.tpl", b"<p>{$a}</p><!-- %b -->"),
    "twig": (b"modules/x/a.html.twig", b"{{ a }}{# %b #}"),
    "statements line": (b"plugins/x/install.sql", b"INSERT INTO a VALUES ('it''s -- no');\n-- %b\nSELECT 1;"),
    "statements hash": (b"plugins/x/install.sql", b"# %b\nSELECT 1;"),
    "statements block": (b"plugins/x/install.sql", b"/* %b */ SELECT 1;"),
    "yaml line": (b"modules/x/a.yml", b"a: it's\n# %b\nb: |\n  text\nc: 1\n"),
    "yaml behind a value": (b"modules/x/a.yaml", b"a: 'it''s # no' # %b\n"),
    "yaml behind a long text": (b"modules/x/a.yaml", b"a: \"one\n  # two\"\n# %b\n"),
    "rules": (b"blog/.htaccess", b"RewriteEngine On\n # %b\n"),
    "settings": (b"modules/x/a.ini", b"[a]\nb = \"c\"\n; %b\n"),
    "translations": (b"modules/x/a.po", b"# %b\nmsgid \"a\"\n"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "content"), IN_COMMENTS.values(), ids=IN_COMMENTS)
def test_a_secret_in_a_comment_is_blanked_and_reported(path, content):
    written = content.replace(b"%b", KEY)
    made, asked, blanked = left(path, written)
    assert made == content.replace(b"%b", b" " * len(KEY)) and asked == []
    (reported,) = blanked
    line = content[: content.index(b"%b")].count(b"\n") + 1
    assert (reported.place.file, reported.place.line, reported.what) == (path.decode(), line, "secret key of Mailchimp")
    assert KEY.decode() not in reported.sentence() and KEY.decode()[:2] in reported.shown


def test_every_language_has_a_sample():
    assert {language_of(path) for path, _ in IN_COMMENTS.values()} >= set(LANGUAGES) - {
        language_of(b"a.properties"), language_of(b"a.toml"),
    }  # fmt: skip
    for path in (b"modules/x/a.properties", b"modules/x/a.toml", b"modules/x/a.conf", b"modules/x/a.neon"):
        assert left(path, b"a = 1\n# " + KEY + b"\n")[0] == b"a = 1\n# " + b" " * len(KEY) + b"\n"


ASKED = {
    "php text": (b"x/a.php", CODE + b"f('%b');"),
    "php text behind marks": (b"x/a.php", CODE + b"$b = 'http://x/%b'; $c = \"# %b\";"),
    "php text behind code in a text": (b"x/a.php", CODE + b"$b = \"{$c[\"//\"]} %b\";"),
    "php text in a here document": (b"x/a.php", CODE + b"$b = <<<T\n// %b\n# T\nT;\n"),
    "php attribute": (b"x/a.php", CODE + b"#[Key('%b')]\nclass A {}"),
    "php attribute that may be a comment": (b"x/a.php", CODE + b"#[it's\n$b = 'x'; // %b\n"),
    "php annotation": (b"x/a.php", CODE + b"/**\n * @Key(\"%b\")\n */\nclass A {}"),
    "php header": (b"plugins/x/x.php", b"<?php\n/*\n * Plugin Name: X\n * Update Key: %b\n */\nf();"),
    "php that is data": (b"uploads/a.php", b"<?php die(); /* {\"key\": \"%b\"} */ ?>"),
    "php that is data in a line": (b"uploads/a.php", b"<?php defined('A') or exit; //%b"),
    "php that is settings": (b"config/a.ini.php", b";<?php die(); /*\n[a]\nkey = %b\n; */ ?>"),
    "php with data behind it": (b"x/a.php", CODE + b"__halt_compiler(); // %b"),
    "php of a short tag": (b"x/a.php", b"<p><? f(); // %b\n?></p>"),
    "php open to the end": (b"x/a.php", CODE + b"/* %b"),
    "php beside its page": (b"x/a.php", b"<?php f(); ?><p>// %b</p>"),
    "php in a remark of its page": (b"x/a.php", b"<?php f(); ?><!-- <?php g('%b'); ?> -->"),
    "remark the code may end": (b"x/a.php", b"<!-- <?= f() ?> %b -->"),
    "script text": (b"x/a.js", b"f('%b');"),
    "script text behind marks": (b"x/a.js", b"f(\"//%b\", '/*%b*/', `//%b`);"),
    "script expression": (b"x/a.js", b"if (a) /'/.test(b); c = '//%b'"),
    "script that may be either": (b"x/a.js", b"{} /'/ ; c = '//%b'; d = /'/"),
    "script address": (b"x/a.js", b"a = {b: 'c'}\nhttp://h.example/?a=%b\n"),
    "script that is asked for its text": (b"x/a.js", b"f(function () { /*\n%b\n*/ });"),
    "script with a text that does not end": (b"x/a.js", b"a = 'b\nc = '//%b';"),
    "script data": (b"x/a.html", b"<script type=\"application/ld+json\">// %b\n</script>"),
    "script code prints into": (b"x/a.php", b"<?php f(); ?><script>a = <?= g() ?>; b = '// %b\n'</script>"),
    "page text": (b"x/a.html", b"<p>// %b # %b</p>"),
    "page attribute": (b"x/a.html", b"<a data-x=\"<!-- %b -->\">a</a>"),
    "page text box": (b"x/a.html", b"<textarea><!-- %b --></textarea>"),
    "page block": (b"themes/x/a.html", b"<!-- wp:x/map {\"key\":\"%b\"} /-->"),
    "page condition": (b"x/a.html", b"<!--[if IE]><script src=\"x?%b\"></script><![endif]-->"),
    "page data": (b"x/a.html", b"<div data-of=\"x\"><!-- {\"key\": \"%b\"} --></div>"),
    "page include": (b"x/a.shtml.html", b"<!--#include virtual=\"x?%b\" -->"),
    "smarty in a remark": (b"themes/x/a.tpl", b"<!-- {map key='%b'} -->"),
    "smarty literally": (b"themes/x/a.tpl", b"{literal}{* %b *}{/literal}"),
    "document text": (b"x/a.xml", b"<a><![CDATA[<!-- %b -->]]></a>"),
    "statements text": (b"plugins/x/install.sql", b"INSERT INTO a VALUES ('it\\'s -- ', '%b');"),
    "statements a server carries out": (b"plugins/x/install.sql", b"/*!40101 SET @a = '%b' */;"),
    "yaml text": (b"x/a.yml", b"a: |\n  # %b\nb: \"one\n# %b\"\nc: d#%b\n"),
    "settings text": (b"x/a.ini", b"a = \"one\n; %b\"\n"),
    "settings that go on": (b"x/a.properties", b"a = b\\\n# %b\n"),
    "json": (b"x/a.json", b"{\"//\": \"%b\"}"),
    "text": (b"x/a.txt", b"// %b\n# %b\n"),
    "markup in a script": (b"x/a.jsx", b"// %b\n"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "content"), ASKED.values(), ids=ASKED)
def test_what_has_an_effect_or_may_have_one_stays_a_question(path, content):
    written = content.replace(b"%b", KEY)
    made, asked, blanked = left(path, written)
    assert made is written and blanked == [] and len(asked) == content.count(b"%b")
    assert all(one.proven for one in asked)


def test_a_secret_in_code_is_asked_about_next_to_one_that_is_blanked():
    written = CODE + b"// %b\nf('%b'); /* %b */\n".replace(b"%b", KEY)
    made, (asked,), blanked = left(b"x/a.php", written)
    assert made.count(KEY) == 1 and asked.place.line == 4
    assert [one.place.line for one in blanked] == [3, 4]


@pytest.mark.parametrize("mark", [b"// ", b"# ", b" * "])
def test_a_key_of_many_lines_goes_as_a_whole_and_the_lines_stay(mark):
    written = b"\r\n".join(mark + line for line in PEM.split(b"\n"))
    content = CODE + (b"/*\r\n" + written + b"\r\n*/" if mark == b" * " else written) + b"\r\n$b = 2;\n"
    made, asked, blanked = left(b"x/a.php", content)
    assert asked == [] and len(blanked) == 1
    assert len(made) == len(content) and made.count(b"\n") == content.count(b"\n") and b"$b = 2;" in made
    assert not any(line in made for line in PEM.split(b"\n")) and forms.met(made) == []


def test_a_key_that_goes_on_in_code_is_asked_about():
    lines = PEM.split(b"\n")
    content = CODE + b"// " + b"\n// ".join(lines[:3]) + b"\n" + b"\n".join(lines[3:]) + b"\n"
    made, asked, blanked = left(b"x/a.php", content)
    assert made is content and asked and blanked == []


def test_a_secret_wrapped_in_base64_is_blanked_with_its_wrapping():
    wrapped = "dXNlcjo" + base64.b64encode(b"user:" + FORMS["key of Stripe"].encode()).decode()
    content = b"a: 1 # " + wrapped.encode() + b"\n"
    made, asked, blanked = left(b"modules/x/a.yml", content)
    assert made.strip() == b"a: 1 #" and len(made) == len(content) and asked == [] and len(blanked) == 1


def test_styles_are_not_asked_about_but_their_comments_are_emptied():
    content = b"a { content: '%b' } /* %b */".replace(b"%b", KEY)
    made, asked, blanked = left(b"themes/x/a.css", content)
    assert asked == [] and len(blanked) == 1
    assert made == b"a { content: '" + KEY + b"' } /* " + b" " * len(KEY) + b" */"


def test_a_header_of_a_theme_is_no_remark():
    content = b"/*\nTheme Name: X\nUpdate Key: " + KEY + b"\n*/\n"
    assert left(b"themes/x/style.css", content)[0] is content
    far = b"/*" + b" " * 8192 + b"\nUpdate Key: " + KEY + b"\n*/\n"
    assert KEY not in left(b"themes/x/style.css", far)[0]


def test_libraries_and_large_files_are_not_read():
    content = CODE + b"// " + KEY
    assert left(b"vendor/x/a.php", content) == (content, [], [])
    large = content + b"\n" * MOST_BYTES
    assert without_secrets(b"x/a.php", large, forms.met(large)) == (large, [])


def test_comments_are_looked_for_only_where_a_secret_was_met(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "controller.bundles.review.known_forms.without_secrets", lambda *a: asked.append(a) or (a[1], [])
    )
    assert left(b"x/a.php", CODE + b"// nothing of a key, but long_words_of_many_letters_in_it\n")[1] == []
    assert asked == []
    left(b"x/a.php", CODE + KEY)
    assert len(asked) == 1


#: Prints for each document of a list in JSON where PHP itself sees comments.
ORACLE = """
$all = [];
foreach (json_decode(stream_get_contents(STDIN)) as $coded) {
    [$at, $found] = [0, []];
    foreach (@token_get_all(base64_decode($coded)) as $token) {
        $text = is_array($token) ? $token[1] : $token;
        if (is_array($token) && in_array($token[0], [T_COMMENT, T_DOC_COMMENT], true)) {
            $found[] = [$at, $at + strlen($text)];
        }
        $at += strlen($text);
    }
    $all[] = $found;
}
echo json_encode($all);
"""
PIECES = [
    b"'", b'"', b"`", b"\\", b"//", b"/*", b"*/", b"#", b"#[", b"\n", b"?>", b"<?php ", b"<?= ", b"{$a", b"${a", b"}",
    b"{", b"<<<T\n", b"<<<'T'\n", b"\nT;", b"\n T\n", b"x", b" ", b"$a[\"k\"]", b"f('//')", b"__halt_compiler();",
]  # fmt: skip


def test_php_itself_sees_a_comment_wherever_one_is_found():
    drawn = random.Random(19)
    documents = [
        content for path, content in (*IN_COMMENTS.values(), *ASKED.values()) if path.endswith((b".php", b".inc"))
    ]
    documents += [b"<?php\n" + b"".join(drawn.choices(PIECES, k=drawn.randint(3, 25))) for _ in range(4000)]
    coded = json.dumps([base64.b64encode(one).decode() for one in documents])
    said = subprocess.run(
        ["php", "-d", "short_open_tag=0", "-r", ORACLE], input=coded, capture_output=True, text=True, check=True
    )
    found = 0
    for document, spans in zip(documents, json.loads(said.stdout), strict=True):
        for comment in php.comments_of_code(document):
            assert any(start <= comment.start and comment.end <= end for start, end in spans), (document, comment)
            found += 1
    assert found > 500
