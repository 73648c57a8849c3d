"""Types of the documents of `schemas/`, for mypy only: not loaded at run time, compared with the schemas by a test."""

from typing import NotRequired, TypedDict

class StatementCheck(TypedDict):
    sql: str
    params: list[str]
    expect: list[str | None]

class Statement(TypedDict):
    sql: str
    params: list[str]
    min_rows: NotRequired[int]
    max_rows: NotRequired[int]
    check: NotRequired[StatementCheck]

class Edit(TypedDict):
    path: str
    old: str
    new: str
    count: NotRequired[int]

class Error(TypedDict):
    code: str
    message: str
    advice: str
    retryable: bool

# job.json

class Account(TypedDict):
    user: str
    home: str
    root: str

class Callback(TypedDict):
    url: str
    token: str
    ca: NotRequired[str]
    socket: NotRequired[str]
    uid: NotRequired[int]

class PinnedBundle(TypedDict):
    name: NotRequired[str]
    manifest_sha256: str
    size: int
    path: NotRequired[str]
    url: NotRequired[str]
    renew: NotRequired[str]

class HtaccessBlock(TypedDict):
    start: str
    end: str

class DocumentRoot(TypedDict):
    keep: list[str]
    default_pages: list[str]
    htaccess_blocks: list[HtaccessBlock]
    folder: NotRequired[str]
    starters: NotRequired[list[str]]
    occupied: str

class Job(TypedDict):
    format: int
    job: str
    kind: str
    attempt: int
    issued_at: int
    expires_at: int
    account: Account
    callback: Callback
    bundle: NotRequired[PinnedBundle]
    variant: NotRequired[str]
    values: dict[str, str]
    lock_name: str
    heartbeat_seconds: NotRequired[int]
    language: NotRequired[str]
    holding_page: NotRequired[str]
    document_root: NotRequired[DocumentRoot]
    statements: NotRequired[list[Statement]]
    back: NotRequired[list[Statement]]
    direction: NotRequired[str]
    edits: NotRequired[list[Edit]]

# manifest.json

class Application(TypedDict):
    name: str
    version: str
    recipe: NotRequired[str]
    noun: NotRequired[str]

class Secret(TypedDict):
    name: str
    format: str
    length: NotRequired[int]
    pair: NotRequired[str]
    prefix: NotRequired[str]

class Variant(TypedDict):
    name: str
    title: NotRequired[str]
    entries: NotRequired[int]
    rows: NotRequired[dict[str, int]]

class Member(TypedDict):
    name: str
    kind: str
    sha256: str
    size: int
    unpacked: NotRequired[int]
    placeholders: bool
    entries: NotRequired[int]
    table: NotRequired[str]
    rows: NotRequired[int]
    variant: NotRequired[str]

class Table(TypedDict):
    name: str
    rows: int
    digest_sql: NotRequired[str]
    digest: NotRequired[list[str]]
    text_columns: NotRequired[list[str]]

class Php(TypedDict):
    min: str
    max: NotRequired[str | None]
    preferred: NotRequired[str]
    extensions: list[str]

class Requirements(TypedDict):
    disk_bytes: int
    inodes: int
    database_bytes: NotRequired[int]
    max_statement_bytes: int
    max_row_bytes: NotRequired[int]
    longest_key_bytes: int
    objects: NotRequired[list[str]]
    triggers_or_routines: NotRequired[bool]
    php: Php

class SignedInPage(TypedDict):
    name: str
    path: NotRequired[str]
    links: NotRequired[list[str]]

class SignIn(TypedDict):
    user: str
    pages: NotRequired[list[SignedInPage]]
    leave: NotRequired[list[str]]
    contains: NotRequired[list[str]]
    absent: NotRequired[list[str]]

class Check(TypedDict):
    name: str
    path: str
    status: list[int]
    contains: NotRequired[list[str]]
    absent: NotRequired[list[str]]
    content_type: NotRequired[str]
    after_redirect: NotRequired[list[int]]
    hint: NotRequired[str]
    assets: NotRequired[dict[str, int]]
    sign_in: NotRequired[SignIn]

class FollowUp(TypedDict):
    statements: list[Statement]
    edits: list[Edit]
    back: NotRequired[list[Statement]]

class Manifest(TypedDict):
    format: int
    packer: NotRequired[str]
    nonce: str
    application: Application
    values: list[str]
    secrets: list[Secret]
    folders: NotRequired[bool]
    variants: list[Variant]
    members: list[Member]
    tables: list[Table]
    requirements: Requirements
    collations: dict[str, list[str]]
    residue: list[str]
    entry_points: list[str]
    checks: list[Check]
    jobs: dict[str, FollowUp]
    personal_data: NotRequired[list[str]]
    report: NotRequired[dict[str, object]]

# event.json

class Event(TypedDict):
    job: str
    attempt: int
    seq: int
    event: str
    at: float
    stage: NotRequired[str | None]
    percent: NotRequired[int | None]
    seconds: NotRequired[float]
    error: NotRequired[Error | None]
    log: NotRequired[list[str]]
    start: NotRequired[str]
    evidence: NotRequired[dict[str, object]]

# ack.json

class Ack(TypedDict):
    format: int
    job: str
    attempt: int
    seq: int
    status: int

# state.json

class ValuesDigests(TypedDict):
    database: str
    other: str

class StageState(TypedDict):
    state: str
    seconds: NotRequired[float]
    started_at: NotRequired[float]
    finished_at: NotRequired[float | None]

class Refused(TypedDict):
    job: str
    attempt: int

class ExpiredState(TypedDict):
    boot: str
    since: float

class CallbackState(TypedDict):
    last_ok_at: NotRequired[float | None]
    last_error: NotRequired[str | None]
    waiting: NotRequired[int]
    seq: NotRequired[int]

class State(TypedDict):
    format: int
    job: NotRequired[str]
    kind: NotRequired[str]
    attempt: NotRequired[int]
    agent: NotRequired[str]
    python: NotRequired[str]
    status: NotRequired[str]
    stage: NotRequired[str | None]
    percent: NotRequired[int]
    updated_at: NotRequired[float]
    progress_at: NotRequired[float]
    values_sha256: NotRequired[ValuesDigests]
    stages: NotRequired[dict[str, StageState]]
    shards: NotRequired[dict[str, str]]
    error: NotRequired[dict[str, object] | str | None]
    refused: NotRequired[Refused | None]
    expired: NotRequired[ExpiredState | None]
    final: NotRequired[dict[str, object]]
    callback: NotRequired[CallbackState]

# order.json

class Order(TypedDict):
    event: NotRequired[str]
    service_id: NotRequired[str | None]
    server: str
    bundle: str
    domain: str
    folder: NotRequired[str | None]
    email: str
    account: NotRequired[str | None]
    create_account: NotRequired[bool]
    shop_name: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    language: NotRequired[str]
    country: NotRequired[str]
    variant: NotRequired[str | None]
    options: NotRequired[dict[str, str]]

# billing-event.json

class BillingEvent(TypedDict):
    event: str
    service_id: str
    order_id: NotRequired[str | None]
    client_id: NotRequired[str | None]
    product_id: NotRequired[str | None]
    at: NotRequired[int | None]
    server_host: NotRequired[str | None]
    bundle: NotRequired[str | None]
    variant: NotRequired[str | None]
    domain: NotRequired[str | None]
    folder: NotRequired[str | None]
    email: NotRequired[str | None]
    account: NotRequired[str | None]
    first_name: NotRequired[str | None]
    last_name: NotRequired[str | None]
    language: NotRequired[str | None]
    country: NotRequired[str | None]
    wait_for_acceptance: NotRequired[bool]

# service.json

class Step(TypedDict):
    name: str
    state: str
    attempts: int
    started_at: str | None
    finished_at: str | None
    error: Error | None
    note: NotRequired[str | None]

class Start(TypedDict):
    way: str
    reason: str
    waited_seconds: float | None

class ServiceStatus(TypedDict):
    id: str | None
    kind: str
    server: str
    account: str | None
    domain: str
    folder: NotRequired[str]
    bundle: str
    variant: NotRequired[str | None]
    noun: NotRequired[str]
    state: str
    step: str | None
    attempt: int
    percent: int
    error: Error | None
    service_id: NotRequired[str | None]
    created_at: NotRequired[str | None]
    updated_at: NotRequired[str | None]
    shop_url: NotRequired[str | None]
    admin_url: NotRequired[str | None]
    status_url: NotRequired[str | None]
    steps: list[Step]
    waiting_for: NotRequired[str | None]
    waiting_why: NotRequired[str | None]
    next_look_at: NotRequired[str | None]
    parent: NotRequired[str | None]
    tls: NotRequired[str | None]
    tls_reason: NotRequired[str | None]
    start: NotRequired[Start | None]
    ended_at: NotRequired[str | None]

# error-codes.json

class InBothLanguages(TypedDict):
    en: str
    fa: str

class ErrorCode(TypedDict):
    retryable: bool
    status: NotRequired[int]
    title: InBothLanguages
    advice: InBothLanguages

class ErrorCodes(TypedDict):
    codes: dict[str, ErrorCode]

# certificate.json

class CertifiedBundle(TypedDict):
    name: str
    application: str
    version: str
    manifest_sha256: str
    bytes: int
    variant: NotRequired[str]

class RequestedAssets(TypedDict):
    asked: int
    answered: int

class Visit(TypedDict):
    name: str
    path: str
    status: int
    bytes: int
    seconds: float
    redirects: int
    assets: NotRequired[RequestedAssets]

class Certificate(TypedDict):
    job: str
    domain: NotRequired[str]
    server: str
    account: NotRequired[str | None]
    attempt: int
    issued_at: str
    shop_url: NotRequired[str]
    admin_url: NotRequired[str]
    bundle: CertifiedBundle
    bytes_read: object
    bytes_written: object
    sql_bytes: object
    peak_memory_bytes: object
    agent: object
    python: object
    started_by: NotRequired[str]
    start_reason: NotRequired[str]
    start_waited_seconds: NotRequired[float]
    stages: dict[str, object]
    evidence: dict[str, object]
    probes: list[Visit]
    fingerprints: dict[str, str]
    forgotten: NotRequired[bool]

# agent-view.json

class StageView(TypedDict):
    name: str
    state: str
    seconds: float | None
    started_at: str | None
    finished_at: str | None

class AgentView(TypedDict):
    heard_at: str | None
    in_trouble: bool
    expected_seconds: float | None
    stages: list[StageView]
