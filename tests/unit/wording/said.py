"""Reads the code for the messages of errors: literal ones, with {} where a value stands."""

import ast
import re

#: What is called with a message -> which argument it is.
CALLS = {"ShoplaunchError": 1, "Refused": 1, "Disproved": 1, "Foreign": 1, "Late": 0, "TooLarge": 0, "failed": 0}
#: Variables that hold one.
NAMES = ("message", "words")
#: Settings are read by those who write them, in English, and commands say what is wrong with them.
UNREAD = ("config_invalid",)


def said_in(code):
    """Return the messages in a file (path) or a syntax tree."""
    tree = code if isinstance(code, ast.AST) else ast.parse(code.read_text("utf-8"))
    found = []
    for node in ast.walk(tree):
        found += [one for one in _messages(node) if re.search("[a-z]{3}", one.replace("{}", "")) and " " in one]
    return found


def _messages(node):
    if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id in NAMES for one in node.targets):
        yield from _texts(node.value)
    elif isinstance(node, ast.Call):
        place = CALLS.get(getattr(node.func, "id", ""))
        code = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
        if place is not None and len(node.args) > place and code not in UNREAD:
            yield from _texts(node.args[place])


def _texts(node):
    """Return the text of an expression, in each of its ways; none of what is no literal."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)]
    if isinstance(node, ast.BinOp):
        return [one + two for one in _texts(node.left) for two in _texts(node.right)]
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "format":
        return [re.sub(r"\{[^{}]*\}", "{}", one) for one in _texts(node.func.value)]
    if isinstance(node, ast.Subscript):
        return _texts(node.value)
    return []
