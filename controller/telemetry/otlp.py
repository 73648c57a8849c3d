"""Sends traces by OTLP over HTTP. Loaded only where traces are on: see controller.telemetry.tracing."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from controller.network.failures import NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.trust import trusted
from controller.telemetry.job_at_hand import JobAtHand
from controller.telemetry.tracing import Note, Value

PATH = "/v1/traces"
#: A collector that is away holds nothing up: spans that it does not take are dropped.
SECONDS = 3
ANSWER_BYTES = 4096
WAITING, EVERY_MILLISECONDS = 2048, 2000
_FAILED = "failed"


def trace_of(job: str) -> int:
    """Return the id of the job's trace: every process computes the same."""
    return int.from_bytes(_digest(job)[:16])


def root_of(job: str) -> int:
    """Return the id of the first span of the job's trace, its order."""
    return int.from_bytes(_digest(job)[16:24])


def _digest(job: str) -> bytes:
    return hashlib.sha256(b"shoplaunch/trace\0" + job.encode()).digest()


class _Ids(RandomIdGenerator):
    """Random ids, but for the first span of a job."""

    def __init__(self) -> None:
        self.first: ContextVar[str] = ContextVar("first_of_job", default="")

    def generate_trace_id(self) -> int:
        job = self.first.get()
        return trace_of(job) if job else super().generate_trace_id()

    def generate_span_id(self) -> int:
        job = self.first.get()
        return root_of(job) if job else super().generate_span_id()


class _Sender(SpanExporter):
    """Sends spans to the collector by the bounded client that all calls go by."""

    def __init__(self, address: str) -> None:
        self._client = HttpClient(Origin.of(address, trusted()), kept=1)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        content = encode_spans(spans).SerializeToString()
        request = HttpRequest("POST", PATH, {"Content-Type": "application/x-protobuf"}, content)
        try:
            answer = self._client.ask(request, Limits(SECONDS, ANSWER_BYTES, is_cut=True))
        except NetworkError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if answer.status < 300 else SpanExportResult.FAILURE


class OtlpExporter:
    """Spans for the collector at `address`, sent by a thread of their own."""

    def __init__(self, address: str) -> None:
        self._ids = _Ids()
        resource = Resource.create({"service.name": "shoplaunch"})
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids)
        self._provider.add_span_processor(
            BatchSpanProcessor(_Sender(address), max_queue_size=WAITING, schedule_delay_millis=EVERY_MILLISECONDS)
        )
        self._tracer = self._provider.get_tracer("shoplaunch")

    @contextmanager
    def span(self, name: str, about: JobAtHand, attributes: dict[str, Value]) -> Iterator[Note]:
        """See tracing.Exporter."""
        with self._tracer.start_as_current_span(
            name, self._within(about), attributes=_named(about, attributes), record_exception=False,
            set_status_on_exception=False,
        ) as found:  # fmt: skip

            def note(**more: Value) -> None:
                found.set_attributes(more)
                if more.get("outcome") == _FAILED:
                    found.set_status(trace.StatusCode.ERROR)

            try:
                yield note
            except BaseException:
                # Its message may name the client
                note(outcome=_FAILED)
                raise

    def ended(self, name: str, about: JobAtHand, seconds: float, attributes: dict[str, Value]) -> None:
        """See tracing.Exporter."""
        now = time.time_ns()
        began = now - int(seconds * 1e9)
        self._tracer.start_span(
            name, self._within(about), attributes=_named(about, attributes), start_time=began
        ).end(now)  # fmt: skip

    def ordered(self, about: JobAtHand, began_ns: int) -> None:
        """See tracing.Exporter."""
        before = self._ids.first.set(about.job)
        try:
            first = self._tracer.start_span(
                "order", Context(), attributes=_named(about, {}), start_time=began_ns
            )  # fmt: skip
        finally:
            self._ids.first.reset(before)
        first.end()

    def end(self) -> None:
        """See tracing.Exporter."""
        # Even if many spans wait and the collector is slow
        last = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        last.start()
        last.join(SECONDS)

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush(SECONDS * 1000)

    @staticmethod
    def _within(about: JobAtHand) -> Context | None:
        """Return what a span of the job is part of: the span around it, or the job's first one."""
        identity = trace_of(about.job)
        if trace.get_current_span().get_span_context().trace_id == identity:
            return None
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        first = trace.SpanContext(identity, root_of(about.job), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(first), Context())


def _named(about: JobAtHand, attributes: dict[str, Value]) -> dict[str, Value]:
    known: dict[str, Value] = {"job": about.job, **attributes}
    if about.server:
        known["server"] = about.server
    if about.attempt:
        known["attempt"] = about.attempt
    return known
