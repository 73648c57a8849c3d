"""UAPI Fileman: text files, listings; no folder is made and nothing removed. Everything as the account itself."""

import posixpath
from functools import partial

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.work import hands
from tests.fakes.whm.work.hands import FileError

FALLBACK = "?"
fileman = partial(uapi, "Fileman", feature="filemanager")


def _charset(name):
    try:
        "".encode(name)
    except LookupError:
        raise Refusal("unencodable", name=name) from None
    return name


def _name(name):
    if "/" in name or name in ("", ".", ".."):
        raise Refusal("name_invalid", name=name)
    return name


def _failed(double, path, error):
    if "quota" in error.text.lower():
        return Refusal("quota", name=path)
    if error.text == "No such file or directory":
        return Refusal("no_such_file", name=path)
    return Refusal("system", error=f"{path}: {error.text}")


@fileman("save_file_content", ("file",), ("dir", "content", "from_charset", "to_charset", "fallback"),
      changes=True)  # fmt: skip
def save_file_content(double, account, args):
    """Write a text file; what is no text in the character set is lost or refused."""
    path = hands.resolve(account, args.get("dir", ""), _name(args["file"]))
    source, target = args.get("from_charset", "UTF-8"), args.get("to_charset", "UTF-8")
    content = _encode(args, source, target)
    try:
        hands.run(account, "write", path, content=content, mode=double.quirks.new_file_mode)
    except FileError as error:
        raise _failed(double, path, error) from None
    return {"from_charset": source, "path": path, "to_charset": target}


def _encode(args, source, target):
    given = args.get("content", "").encode("utf-8", "surrogateescape")
    strict = args.get("fallback", "1") == "0"
    errors = "strict" if strict else "replace"
    try:
        return given.decode(_charset(source), errors).replace("\ufffd", FALLBACK).encode(_charset(target), errors)
    except UnicodeError:
        raise Refusal("unencodable", name=target) from None


@fileman("get_file_content", ("file",),
      ("dir", "from_charset", "to_charset", "update_html_document_encoding"))  # fmt: skip
def get_file_content(double, account, args):
    """Read a text file; a character set that is left to be detected comes out wrong for anything but ASCII."""
    path = hands.resolve(account, args.get("dir", ""), _name(args["file"]))
    source = args.get("from_charset", "_DETECT_")
    try:
        content = hands.read(account, path)
    except FileError as error:
        raise _failed(double, path, error) from None
    guessed = "latin-1" if source == "_DETECT_" else _charset(source)
    text = content.decode(guessed, "replace")
    if args.get("update_html_document_encoding", "1") != "0" and "<html" in text:
        text = text.replace("<head>", '<head><meta charset="utf-8">')
    return {
        "content": text,
        "dir": posixpath.dirname(path),
        "filename": posixpath.basename(path),
        "from_charset": source,
        "path": path,
        "to_charset": args.get("to_charset", "utf-8"),
    }


def _shown(double, row, args):
    for name in ("size", "mtime", "mode", "uid", "gid"):
        row[name] = double.quirks.number(row[name])
    return row


@fileman("list_files", (), ("dir", "types", "show_hidden", "include_permissions", "limit_to_list",
      "only_these_files"))  # fmt: skip
def list_files(double, account, args):
    """Return a folder's entries, in the one or the other shape."""
    path = hands.resolve(account, args.get("dir", ""))
    try:
        rows = hands.run(account, "list", path)
    except FileError as error:
        raise _failed(double, path, error) from None
    if args.get("show_hidden", "0") != "1":
        rows = [row for row in rows if not row["file"].startswith(".")]
    if "only_these_files" in args:
        rows = [row for row in rows if row["file"] in args["only_these_files"].split(",")]
    if "types" in args:
        rows = [row for row in rows if row["type"] in args["types"].split("|")]
    rows = [_shown(double, row, args) for row in rows]
    if double.quirks.file_lists == "array":
        return rows
    folders = [row for row in rows if row["type"] == "dir"]
    return {"dirs": folders, "files": [row for row in rows if row["type"] != "dir"]}


@fileman("get_file_information", ("path",), ("show_hidden", "include_permissions"))  # fmt: skip
def get_file_information(double, account, args):
    """Return what there is at one path; that there is nothing is an answer, too."""
    path = hands.resolve(account, args["path"])
    row = hands.run(account, "stat", path)
    if row is None or (posixpath.basename(path).startswith(".") and args.get("show_hidden", "0") != "1"):
        return {"exists": double.quirks.number(0), "file": posixpath.basename(path), "fullpath": path}
    return {"exists": double.quirks.number(1), **_shown(double, row, args)}


@fileman("empty_trash", (), ("older_than",), changes=True)
def empty_trash(_double, account, _args):
    """Remove what was moved to the trash."""
    path = hands.resolve(account, ".trash")
    if hands.run(account, "stat", path) is not None:
        hands.run(account, "unlink", path, recursive=True)


@fileman("upload_files", (), ("dir", "overwrite", "files"), changes=True, doors=("cpanel",))
def upload_files(double, account, args):
    """Take binary files; a failure of one file is no failure of the call."""
    folder = hands.resolve(account, args.get("dir", ""))
    uploads = []
    for name, content in args.get("files", {}).values():
        path = posixpath.join(folder, _name(name))
        uploads.append(_upload(double, account, path, content, args.get("overwrite", "0") == "1"))
    succeeded = sum(one["status"] for one in uploads)
    return {"succeeded": succeeded, "failed": len(uploads) - succeeded, "warned": 0, "uploads": uploads}


def _upload(double, account, path, content, overwrite):
    row = {"file": posixpath.basename(path), "size": len(content), "status": 0}
    if hands.run(account, "stat", posixpath.dirname(path)) is None:
        return {**row, "reason": f"Directory {posixpath.dirname(path)} does not exist"}
    if not overwrite and hands.run(account, "stat", path) is not None:
        return {**row, "reason": "The file already exists"}
    try:
        hands.run(account, "write", path, content=content, mode=double.quirks.new_file_mode)
    except FileError as error:
        return {**row, "reason": error.text}
    return {**row, "status": 1, "reason": f"Upload of “{row['file']}” succeeded."}
