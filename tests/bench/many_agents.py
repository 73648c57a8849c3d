"""Many agents that report at once: a process of its own, a connection for every event as the agent makes it.

Reads one JSON document from standard input ({"port", "tokens": {job id: token}, "rate", "connections", "seconds",
"first_seq"}) and prints one: {"answers": status -> number, "seconds", "latencies": milliseconds, sorted}. With a `rate`
(events per second) each event has its moment, however the server keeps up, and its latency counts from then; with 0
`connections` connections report as fast as they are answered.
"""

import asyncio
import json
import sys
import time
from collections import Counter

from shared.events import make_event

#: What an agent of a larger shop sends while it works: mostly progress, now and then a stage, seldom a heartbeat.
KINDS = ("progress",) * 6 + ("stage_started", "stage_finished") + ("heartbeat",) * 2
STAGES = ("unpack", "import")


class Agents:
    """All agents; each event is the next agent's."""

    def __init__(self, order):
        self._port = order["port"]
        self._tokens = list(order["tokens"].items())
        self._seq = order["first_seq"]
        self._sent = 0
        self.latencies = []
        self.answers = Counter()

    def _next(self):
        job, token = self._tokens[self._sent % len(self._tokens)]
        round_, kind = self._sent // len(self._tokens), KINDS[self._sent % len(KINDS)]
        self._sent += 1
        seq = 0
        if kind.startswith("stage"):
            self._seq += 1
            seq = self._seq
        more = {"stage": STAGES[round_ % 2], "percent": min(90, 6 + round_)}
        if kind == "stage_finished":
            more["seconds"] = 1.2
        body = json.dumps(make_event(job, 1, seq, kind, time.time(), **more), sort_keys=True).encode()
        head = (
            f"POST /api/v1/agent/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept-Encoding: identity\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nUser-Agent: shoplaunch-agent\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body

    async def report(self, since):
        """Send the next event; note how long it took from `since`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._next())
            answer = await reader.read()
        finally:
            writer.close()
        self.latencies.append((time.perf_counter() - since) * 1000)
        self.answers[answer[9:12].decode("ascii") or "none"] += 1

    async def at_rate(self, rate, seconds):
        """Begin `rate` reports per second, whether or not those before are answered."""
        begun = time.perf_counter()
        waiting = set()
        for number in range(int(rate * seconds)):
            moment = begun + number / rate
            if (early := moment - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            task = asyncio.create_task(self.report(moment))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)

    async def as_fast_as_answered(self, connections, seconds):
        """Report over `connections` connections at a time for `seconds`."""
        end = time.perf_counter() + seconds

        async def one():
            while time.perf_counter() < end:
                await self.report(time.perf_counter())

        await asyncio.gather(*(one() for _ in range(connections)))


def main():
    """Do what standard input says."""
    order = json.load(sys.stdin)
    agents = Agents(order)
    started = time.perf_counter()
    if order["rate"]:
        asyncio.run(agents.at_rate(order["rate"], order["seconds"]))
    else:
        asyncio.run(agents.as_fast_as_answered(order["connections"], order["seconds"]))
    seconds = time.perf_counter() - started
    print(json.dumps({"answers": agents.answers, "seconds": seconds, "latencies": sorted(agents.latencies)}))


if __name__ == "__main__":
    main()
