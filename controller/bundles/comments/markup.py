"""Reads pages and documents: HTML with its scripts and styles, XML, templates of Smarty and Twig."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.bundles.comments import javascript, stylesheets
from controller.bundles.comments.spans import Comment, Unclear

#: A quote begins a value after an equals sign, and nowhere else.
_ATTRIBUTES = rb"(?:=\s*\"[^\"]*\"|=\s*'[^']*'|[^>])*+"
_TOKEN = re.compile(
    rb"(?P<comment><!--)|<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes|plaintext)(?=[\s/>])(?P<with>"
    + _ATTRIBUTES + rb")>|(?P<tag></?[A-Za-z]" + _ATTRIBUTES + rb">)|(?P<broken></?[A-Za-z])",
    re.IGNORECASE,
)  # fmt: skip
_TYPE = re.compile(rb"\btype\s*=\s*[\"']?([^\s\"'>]*)", re.IGNORECASE)
_LANGUAGE = re.compile(rb"\blanguage\s*=\s*[\"']?php", re.IGNORECASE)
_JAVASCRIPT = re.compile(rb"(?:(?:text|application)/(?:x-)?(?:javascript|ecmascript)|module)?$", re.IGNORECASE)
#: Beginnings of comments that a server or a page's programs act on.
_DIRECTIVE = re.compile(
    rb"\s*(?:[{\[]|#|\?|/?(?:wp:|ko\b|esi\b|directive:|m(?:func|clude)\b|dynamic|more\b|nextpage\b|noteaser\b))",
    re.IGNORECASE,
)
#: Marks of code that runs wherever it stands: a placeholder for PHP, tags of templates.
_TEMPLATE_CODE = re.compile(rb"\0|\{[{%$]|<%")
#: Per language: the marks after which no other mark counts, and the end of each; one without an end is not read.
_XML = re.compile(rb"(?P<comment><!--)|(?P<data><!\[CDATA\[)|(?P<instruction><\?)")
_XML_ENDS = {"comment": b"-->", "data": b"]]>", "instruction": b"?>"}
_SMARTY = re.compile(rb"(?P<comment>\{\*)|(?P<literal>\{literal\})|(?P<code>\{php\})")
_SMARTY_ENDS = {"comment": b"*}", "literal": b"{/literal}"}
_TWIG = re.compile(rb"(?P<comment>\{#)|(?P<raw>\{%[-~]?\s*(?:verbatim|raw)\b)")
_TWIG_ENDS = {"comment": b"#}"}


def page_comments(data: bytes, *, is_template: bool = False) -> list[Comment]:
    """Return the comments of a page, as far as they are certain and nothing in them is executed.

    With `is_template` the page has code in braces, also in its scripts: these are not read.
    """
    found: list[Comment] = []
    try:
        for comment in _page(data, is_template):
            said = data[comment.start : comment.end]
            if not (_TEMPLATE_CODE.search(said) or (is_template and b"{" in said)):
                found.append(comment)
    except Unclear:
        pass
    return found


def _page(data: bytes, is_template: bool) -> Iterator[Comment]:
    at = 0
    while (hit := _TOKEN.search(data, at)) is not None:
        at = hit.end()
        if hit.lastgroup == "broken":
            raise Unclear
        if hit.lastgroup == "comment":
            if data.startswith((b">", b"->"), at):
                continue
            end = _end(data, b"-->", at)
            if not _DIRECTIVE.match(data, at, end):
                yield Comment(at, end)
            at = end + len(b"-->")
        elif hit["raw"]:
            ends = re.compile(rb"</" + hit["raw"] + rb"(?=[\s/>])", re.IGNORECASE).search(data, at)
            if ends is None or _LANGUAGE.search(hit["with"]):
                raise Unclear
            if not is_template:
                yield from _inside(hit["raw"].lower(), hit["with"], data[at : ends.start()], at)
            at = ends.start()


def _inside(element: bytes, attributes: bytes, content: bytes, at: int) -> list[Comment]:
    """Return the comments of a script or style that begins at `at`."""
    if _TEMPLATE_CODE.search(content):
        return []
    kind = _TYPE.search(attributes)
    if element == b"script" and _JAVASCRIPT.match(kind[1] if kind else b""):
        found = javascript.comments(content)
    elif element == b"style":
        found = stylesheets.comments(content)
    else:
        found = []
    return [one._replace(start=one.start + at, end=one.end + at) for one in found]


def xml_comments(data: bytes) -> list[Comment]:
    """Return the comments of an XML document, as far as they are certain."""
    return _marked(data, _XML, _XML_ENDS)[0]


def smarty_comments(data: bytes) -> list[Comment]:
    """Return the comments of a Smarty template, and of the page in it."""
    return _with_page(data, *_marked(data, _SMARTY, _SMARTY_ENDS))


def twig_comments(data: bytes) -> list[Comment]:
    """Return the comments of a Twig template, and of the page in it."""
    return _with_page(data, *_marked(data, _TWIG, _TWIG_ENDS))


def _marked(data: bytes, marks: re.Pattern[bytes], ends: Mapping[str, bytes]) -> tuple[list[Comment], int]:
    """Return the comments, and where reading becomes uncertain: at a mark without an end, or after everything."""
    found: list[Comment] = []
    at = 0
    while (hit := marks.search(data, at)) is not None:
        closing = ends.get(str(hit.lastgroup), b"")
        end = data.find(closing, hit.end()) if closing else -1
        if end < 0:
            return found, at
        if hit.lastgroup == "comment":
            found.append(Comment(hit.end(), end))
        at = end + len(closing)
    return found, len(data)


def _with_page(data: bytes, own: list[Comment], certain: int) -> list[Comment]:
    """Return the template's own comments and those of the page around them, up to where reading is certain."""
    parts, last = [], 0
    for one in own:
        parts += [data[last : one.start], bytes(one.end - one.start)]
        last = one.end
    return sorted([*own, *page_comments(b"".join(parts) + data[last:certain], is_template=True)])


def _end(data: bytes, closing: bytes, at: int) -> int:
    end = data.find(closing, at)
    if end < 0:
        raise Unclear
    return end
