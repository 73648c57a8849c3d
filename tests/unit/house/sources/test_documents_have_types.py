"""In signatures and attributes a document has its type, of `shared/documents.pyi` where there is a schema, and `object`
before it was checked."""

import ast
import functools
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
MODULES = [
    path
    for package in ("agent", "controller", "shared")
    for path in sorted((PROJECT / package).rglob("*.py"))
    # They work on rows as old versions stored them
    if "migrations" not in path.parts
]
#: What a parameter is called that is a document or a part of one, alone or as the last word, also in the plural.
DOCUMENTS = (
    "ack", "certificate", "check", "decision", "edit", "error", "event", "evidence", "figure", "finding",
    "holder", "job", "later", "manifest", "member", "order", "report", "secret", "state", "statement", "status", "view",
    "visit",
)  # fmt: skip
_DOCUMENT = re.compile(rf"(?:.*_)?(?:{'|'.join(DOCUMENTS)})(?:s|es)?\Z")
#: A function so named returns one: words before may say how to get it, as in `of_job`, which is something else.
_RETURNED = re.compile(rf"_*(?:agent_|final_|make_|check_|load_)?(?:{'|'.join(DOCUMENTS)})(?:s|es)?\Z")
_ANY = re.compile(r"\bAny\b")
#: Why -> the modules whose signatures say Any, without `.py`. No other does; rows and columns of SQLAlchemy's apart.
WITH_ANY = {
    "objects of a library that has no types, or signatures and options as a library wants them": (
        "agent/base/deadline_socket", "agent/base/openssl", "agent/base/programs", "agent/database/connection",
        "agent/database/tls", "controller/bundles/pack/forked_task", "controller/bundles/pipeline",
        "controller/bundles/source/servers/connections", "controller/cli/__init__", "controller/cli/keys",
        "controller/cli/packing/next_command", "controller/cli/packing/pack", "controller/cli/serve",
        "controller/cli/servers/server", "controller/database_client", "controller/db/connection/engine",
        "controller/db/connection/pooled", "controller/db/connection/postgresql", "controller/db/connection/same_file",
        "controller/jobs/engine/broker/bounds", "controller/jobs/engine/broker/link",
        "controller/jobs/engine/broker/listener", "controller/jobs/engine/broker/peers",
        "controller/jobs/engine/broker/publisher", "controller/network/exchange", "controller/network/resolver",
        "controller/panels/local/services/mariadb", "controller/settings/model", "controller/settings/rules",
        "controller/settings/sections", "controller/web/pages/operator/session", "controller/web/server/whole_requests",
    ),
    "what was parsed and is not checked yet, and schemas themselves": (
        "controller/agent_archive/abilities", "controller/billing/whmcs/answers", "controller/billing/whmcs/settings",
        "controller/cli/servers/rows", "controller/jobs/record/tokens", "controller/network/json_body",
        "controller/panels/cpanel/account/agent_files", "controller/panels/cpanel/account/databases",
        "controller/panels/cpanel/account/file_rows", "controller/panels/cpanel/account/files",
        "controller/panels/cpanel/api/answers", "controller/panels/cpanel/settings",
        "controller/panels/local/as_account/run", "controller/panels/local/as_account/start_helper",
        "controller/panels/local/as_account/starting", "controller/panels/local/php_versions",
        "controller/panels/local/private_stack/stack", "controller/panels/registry", "controller/settings/loading",
        "controller/setup/first_run/answers", "controller/timed_signer", "controller/web/api/openapi", "shared/data",
        "shared/schema", "shared/signing",
    ),
    "fields and columns by their names, each of its own type": (
        "agent/reporting/event_log", "controller/access/billing_keys", "controller/cli/agents", "controller/db/bundles",
        "controller/db/due", "controller/db/facts", "controller/db/identities/api_keys",
        "controller/db/identities/operators", "controller/db/job_context", "controller/db/machines/channels",
        "controller/db/machines/servers", "controller/db/orders/refused_orders",
        "controller/jobs/engine/operations/set_back", "controller/web/pages/operator/view",
        "controller/web/support/labels", "shared/errors",
    ),
    "results of whatever is called": ("agent/database/parallel",),
    "descriptions of tables, which recipes know by what they ask of them, and parts of a manifest": (
        "controller/bundles/headline", "controller/bundles/manifest_limits", "controller/recipes/base",
        "controller/recipes/customers/columns", "controller/recipes/customers/unknown_tables",
        "controller/recipes/own_tables", "controller/recipes/secrets/tables",
    ),
    "a certificate's evidence, whatever an agent wrote into it": ("controller/web/pages/operator/evidence",),
}  # fmt: skip
_OF_A_LIBRARY = re.compile(r"\bsa\.(?:Row|Column|ColumnElement)\[Any\]")


def has_any(annotation):
    return annotation is not None and _ANY.search(ast.unparse(annotation)) is not None


def untyped(source):
    """Yield the name of each document in a signature or an attribute of `source` whose type is Any, or holds it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for name in attributes(node))
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        yield from (
            f"{node.name}({one.arg})" for one in arguments if _DOCUMENT.match(one.arg) and has_any(one.annotation)
        )
        if _RETURNED.match(node.name) and has_any(node.returns):
            yield f"{node.name}()"


def attributes(node):
    """Yield the documents among the annotated attributes of a class, also of those that a method assigns."""
    for one in ast.walk(node):
        if isinstance(one, ast.AnnAssign) and has_any(one.annotation):
            of_self = isinstance(one.target, ast.Attribute) and ast.unparse(one.target.value) == "self"
            name = one.target.attr if of_self else one.target.id if one in node.body else ""
            if _DOCUMENT.match(name.lstrip("_")):
                yield name


@functools.cache
def found():
    return {f"{path.relative_to(PROJECT)} {name}" for path in MODULES for name in untyped(path.read_text("utf-8"))}


def loose(source):
    """Yield the functions of `source` whose signature says Any, but for rows and columns of a library."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            signature = f"{ast.unparse(node.args)} {ast.unparse(node.returns) if node.returns else ''}"
            if _ANY.search(_OF_A_LIBRARY.sub("", signature)):
                yield node.name


def test_signatures_say_what_functions_take_and_return_but_where_a_reason_is_known():
    found = {
        path.relative_to(PROJECT).as_posix().removesuffix(".py")
        for path in MODULES
        if any(loose(path.read_text("utf-8")))
    }
    assert found == {name for names in WITH_ANY.values() for name in names}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def read(kind: str) -> Any: ...", ["read"]),
        ("def read(kind: 'str') -> 'dict[str, Any]': ...", ["read"]),
        ("class One:\n    def put(self, **news: Any) -> None: ...", ["put"]),
        ("def rows(table: sa.Table) -> list[sa.Row[Any]]: ...", []),
        ("def rows(table: sa.Table) -> object:\n    found: Any = 1", []),
    ],
)
def test_a_loose_signature_is_seen(source, names):
    assert list(loose(source)) == names


def test_each_document_in_a_signature_has_its_type():
    assert found() == set()


@pytest.mark.parametrize(
    "signature",
    [
        "def take(error: Mapping[str, Any]) -> None: ...",
        "def take(self, *, last_event: dict[str, Any] | None = None) -> None: ...",
        "def take(checks: Sequence[Mapping[str, Any]]) -> None: ...",
        "def take(job: 'Mapping[str, Any]') -> None: ...",
        "def final_event(text: str) -> dict[str, Any] | None: ...",
        "def final_evidence(job_id: str) -> dict[str, Any]: ...",
        "def agent_view(self, job: Job) -> dict[str, Any]: ...",
        "class Job:\n    later: Mapping[str, Any] | None = None",
        "def make(report: Mapping[str, Any]) -> None: ...",
        "class Proof:\n    visits: Sequence[Mapping[str, Any]]",
        "class State:\n    def __init__(self):\n        self._last_event: 'dict[str, Any]' = {}",
    ],
)
def test_one_without_its_type_is_seen(signature):
    assert len(list(untyped(signature))) == 1


@pytest.mark.parametrize(
    "signature",
    [
        "def take(error: Error, columns: Mapping[str, Any]) -> dict[str, Any]: ...",
        "def take(order: Mapping[str, object]) -> Order: ...",
        "def of_job(row: sa.Row[Any]) -> list[sa.Row[Any]]: ...",
        "class Job:\n    def parse(self):\n        order: Any = self.read()",
        "class Job:\n    order: Order\n    columns: Mapping[str, Any]",
    ],
)
def test_others_may_be_anything(signature):
    assert not list(untyped(signature))


def test_each_type_is_used():
    """By a module, or as the type of a part of another one."""
    types = [one for one in ast.parse((PROJECT / "shared/documents.pyi").read_text("utf-8")).body if is_class(one)]
    parts = {name.id for one in types for name in ast.walk(one) if isinstance(name, ast.Name)}
    assert {one.name for one in types} <= parts | imported()


def is_class(node):
    return isinstance(node, ast.ClassDef)


def imported():
    """Return the names that modules, and descriptions of them, take from the types of documents."""
    descriptions = [*(PROJECT / "agent").rglob("*.pyi"), *(PROJECT / "shared").rglob("*.pyi")]
    return {
        alias.name
        for path in [*MODULES, *descriptions]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "shared.documents"
        for alias in node.names
    }
