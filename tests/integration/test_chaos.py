"""The books close, whatever happens: thousands of random request lives, and at every scrape received = ended by outcome + in flight.

INFERD_TEST_CHAOS_REQUESTS is how many lives; INFERD_TEST_CHAOS_SEED chooses them.
"""
import asyncio
import json
import os
import random
import signal

from harness import CHAT, PATIENCE, SLOW, TEXT, Metrics, eventually, http_bytes, request, tokens

LIVES = int(os.environ.get("INFERD_TEST_CHAOS_REQUESTS", "600" if SLOW else "2000"))
SEED = int(os.environ.get("INFERD_TEST_CHAOS_SEED", "20261122"))
COUNTERS = ("inferd_requests_received_total", "inferd_requests_ended_total", "inferd_generated_tokens_total", "inferd_prompt_tokens_total",
            "inferd_requests_rejected_total", "inferd_slo_requests_total", "inferd_slo_good_total")


def body_of(r):
    """A request: most are good, some are not."""
    chat = r.random() < 0.5
    body = {"model": "demo", "max_tokens": r.choice((1, 2, 5, tokens(40))), "stream": r.random() < 0.4, "ignore_eos": r.random() < 0.7,
            "priority": r.choice(("interactive", "normal", "batch"))}
    if r.random() < 0.1:
        body["n"] = 3
    if r.random() < 0.1:
        body["stop"] = ["e"]
    if chat:
        body["messages"] = [{"role": "user", "content": "word " * r.choice((1, 5, 60))}]
    else:
        body["prompt"] = "word " * r.choice((1, 5, 60))
    spoiled = r.random()
    if spoiled < 0.03:
        body["temperature"] = 99
    elif spoiled < 0.05:
        body["model"] = "no such model"
    elif spoiled < 0.06:
        body["prompt" if not chat else "messages"] = []
    return (CHAT if chat else TEXT), body


async def live(port, r, seen):
    """One life. What the client saw of it goes into `seen`."""
    path, body = body_of(r)
    headers = ["Connection: close"]
    if r.random() < 0.15:
        headers.append(f"X-Request-Timeout: {r.choice((0.001, 0.02, 0.1, 0.5))}")
    data = http_bytes(path, json.dumps(body), headers=headers)
    fate = r.random()
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if fate < 0.05:  # never says all
            writer.write(data[: r.randrange(1, len(data))])
            await writer.drain()
            return
        writer.write(data)
        await writer.drain()
        if fate < 0.25:  # vanishes: at once, or after a part of the answer
            if r.random() < 0.7:
                async with asyncio.timeout(r.random() * 0.2):
                    await reader.read(r.choice((1, 200, 2000)))
            return
        async with asyncio.timeout(90 * PATIENCE):
            answer = await reader.read(-1)
        if not answer:
            seen["closed"] = seen.get("closed", 0) + 1
            return
        status = int(answer[9:12])
        if b'data: {"error"' in answer:
            status = "cut"  # a stream whose deadline came after its first token
        seen[status] = seen.get(status, 0) + 1
        if status == 200 and not body["stream"]:
            seen["tokens"] = seen.get("tokens", 0) + json.loads(answer.split(b"\r\n\r\n", 1)[1])["usage"]["completion_tokens"]
    except (OSError, TimeoutError):
        seen["lost"] = seen.get("lost", 0) + 1
    finally:
        if writer is not None:
            writer.transport.abort() if fate < 0.25 else writer.close()


def check(text, last):
    """The books of one scrape; counters never fall."""
    m = Metrics(text)
    m.assert_balanced()
    assert all(v >= 0 for n, _, v in m.samples if n == "inferd_requests_in_flight"), "a stage holds fewer than none"
    for name in COUNTERS:
        for n, labels, value in m.samples:
            if n == name:
                key = (n, *sorted(labels.items()))
                assert value >= last.get(key, 0), f"{key} fell from {last[key]} to {value}"
                last[key] = value
    return m


def test_the_books_close_in_chaos(setup):
    r = random.Random(SEED)
    config = {"models": [{**setup.configuration()["models"][0], "max_running": 8}], "queue": {"capacity": 40, "deadline": "20s"},
              "lifecycle": {"drain_timeout": "2s"}}
    with setup.daemon(config) as d:
        seen, last, scrapes = {}, {}, []
        draining = False

        def scrape():
            try:
                answer = request(d.observability, "GET", "/metrics", timeout=60)
            except OSError:
                assert draining, "a scrape was not answered"
                return False
            scrapes.append(answer.body.decode())
            check(scrapes[-1], last)
            return True

        async def scraper(stop):
            while not stop.is_set():
                await asyncio.to_thread(scrape)
                await asyncio.sleep(0.02)

        async def reloader(stop):
            deadlines = ("20s", "5s", "2s")
            n = 0
            while not stop.is_set():
                n += 1
                good = {**config, "queue": {"capacity": 40, "deadline": deadlines[n % 3]}}
                await asyncio.to_thread(d.write_config, good if n % 4 else {"queue": {"capasity": 1}})
                d.send(signal.SIGHUP)
                await asyncio.sleep(0.3)

        async def lives(count, at_once, half=None):
            """`half` is set when half of them have begun."""
            gate = asyncio.Semaphore(at_once)
            begun = 0

            async def one(seed):
                nonlocal begun
                async with gate:
                    begun += 1
                    if half is not None and begun == count // 2:
                        half.set()
                    await live(d.api, random.Random(seed), seen)

            await asyncio.gather(*(one(r.getrandbits(32)) for _ in range(count)))

        async def scenario():
            nonlocal draining
            stop = asyncio.Event()
            helpers = [asyncio.create_task(scraper(stop)), asyncio.create_task(reloader(stop))]
            await lives(LIVES // 2, 12)   # what it can carry
            await lives(LIVES // 2, 80)  # and what it cannot
            stop.set()
            await asyncio.gather(*helpers)
            m = await asyncio.to_thread(d.wait_idle, 120)
            check(m.text, last)
            ended = m.sum("inferd_requests_ended_total")
            outcomes = {o: m.sum("inferd_requests_ended_total", outcome=o)
                        for o in ("ok", "length", "stop", "rejected", "expired", "cancelled", "failed")}
            print(f"  {LIVES} lives, {len(scrapes)} scrapes; clients saw {seen}; ended {outcomes}")
            assert m.sum("inferd_requests_received_total") == ended == sum(outcomes.values())
            assert outcomes["failed"] == 0 and all(outcomes[o] > 0 for o in ("length", "rejected", "expired", "cancelled")), outcomes
            assert m.sum("inferd_requests_rejected_total") == outcomes["rejected"]
            assert m.sum("inferd_generated_tokens_total") >= seen["tokens"]
            # The same tokens by another road: counted where requests end, and read out of their records.
            of_the_records = await asyncio.to_thread(
                eventually, lambda: (r := d.metrics()).sum("inferd_request_generated_tokens_sum") == m.sum("inferd_generated_tokens_total") and r,
                10, "the tokens of the records are those of the counters")
            admitted = of_the_records.sum("inferd_request_generated_tokens_count")
            assert ended - outcomes["rejected"] >= admitted >= outcomes["ok"] + outcomes["length"] + outcomes["stop"], (admitted, outcomes)
            assert m.sum("inferd_records_dropped_total") == 0
            answered = sum(n for status, n in seen.items() if status == 200)
            assert outcomes["ok"] + outcomes["length"] + outcomes["stop"] >= answered, (outcomes, answered)

            # And once more with the end coming in the middle.
            draining = True
            stop.clear()
            half = asyncio.Event()
            helpers = [asyncio.create_task(scraper(stop)), asyncio.create_task(lives(200, 60, half))]
            await half.wait()
            d.send(signal.SIGTERM)
            assert await asyncio.to_thread(d.wait_end) == 0
            stop.set()
            await asyncio.gather(*helpers)

        asyncio.run(scenario())
