"""More than the machine can do: what is admitted stays quick, the rest is refused at once and told when to come back."""
import asyncio

import harness
from harness import PATIENCE, TEXT, tokens
from load import ask, closed_loop, open_loop, percentile

# About 200 tokens a request (25 where each is slow), so that a small model on two cores is saturated by a rate that one Python process can make.
BODY = {"model": "demo", "prompt": "The queue is", "max_tokens": tokens(100), "n": 2, "ignore_eos": True}
RUNNING, CAPACITY = 4, 8


def small(setup):
    # Blocks of the KV cache get their memory when they are first used: a large one would look like a leak until all of it was.
    model = {**setup.configuration()["models"][0], "max_running": RUNNING * 2, "kv_cache": "16MiB"}
    return {"models": [model], "queue": {"capacity": CAPACITY}}


def test_ten_times_the_capacity(setup):
    with setup.daemon(small(setup)) as d:
        # Capacity: as many clients as run at once, no queue to speak of.
        calm = asyncio.run(closed_loop(d.api, TEXT, BODY, RUNNING, 3.0))
        assert all(r.status == 200 for r in calm), [(r.status, r.error, r.body[:200]) for r in calm if r.status != 200][:3]
        capacity = len(calm) / 3.0
        calm_p95 = percentile([r.seconds for r in calm], 0.95)
        rate = min(10 * capacity, 300.0)
        d.wait_idle()

        checks = []

        async def every():
            m = await asyncio.to_thread(d.metrics)
            m.assert_balanced()
            checks.append((d.rss(), m.sum("inferd_queue_depth")))

        results = asyncio.run(open_loop(d.api, TEXT, BODY, rate, setup.overload_seconds, timeout=60 * PATIENCE, every=every))
        m = d.wait_idle()
        good = [r for r in results if r.status == 200]
        refused = [r for r in results if r.status == 429]
        others = [r for r in results if r.status not in (200, 429)]
        admitted_p95 = percentile([r.seconds for r in good], 0.95)
        refused_p50, refused_p99 = (percentile([r.seconds for r in refused], s) for s in (0.5, 0.99))
        print(f"  capacity {capacity:.1f}/s, sent {rate:.0f}/s for {setup.overload_seconds:g} s: {len(good)} answered, {len(refused)} refused; "
              f"p95 calm {calm_p95:.3f} s, admitted {admitted_p95:.3f} s; refused p50 {refused_p50 * 1e3:.1f} ms, p99 {refused_p99 * 1e3:.1f} ms")

        assert not others, [(r.status, r.error) for r in others][:5]
        assert refused, "nothing was refused"
        assert all(1 <= int(r.headers["retry-after"]) <= 600 for r in refused), "a refusal without a sane Retry-After"
        # Goodput does not fall: what could be done was done.
        assert len(good) >= 0.5 * capacity * setup.overload_seconds, f"{len(good)} answers, capacity {capacity:.1f}/s"
        # An admitted request waits for a full queue at most: (queue + batch) / capacity, with room for this client's own slowness.
        bound = 2.0 * (CAPACITY + RUNNING) / capacity + 4 * calm_p95 + 0.5 * PATIENCE
        assert admitted_p95 <= bound, f"p95 of admitted requests is {admitted_p95:.2f} s, expected at most {bound:.2f} s"
        # Refusing is cheap. Both sides share two cores here, so the median is what is held to milliseconds.
        assert refused_p50 <= 0.05 * PATIENCE, f"refusals take {refused_p50 * 1e3:.1f} ms"
        # Memory is flat after the first second.
        assert len(checks) >= 3
        settled = checks[1][0]
        growth = checks[-1][0] - settled
        assert growth < 32 * 2**20 * (4 if harness.SLOW else 1), f"RSS grew by {growth / 2**20:.0f} MiB: {[c[0] for c in checks]}"
        # The books name them all.
        assert m.sum("inferd_requests_rejected_total", reason="queue_full") + m.sum("inferd_requests_rejected_total", reason="deadline") >= len(refused)
        assert max(depth for _, depth in checks) <= CAPACITY


def test_metrics_answer_while_the_api_is_saturated(setup):
    with setup.daemon(small(setup)) as d:
        times = []

        async def scenario():
            async def scrape():
                while len(times) < 40:
                    start = asyncio.get_running_loop().time()
                    answer = await asyncio.to_thread(d.observe, "/metrics")
                    assert answer.status == 200
                    times.append(asyncio.get_running_loop().time() - start)

            load = asyncio.create_task(open_loop(d.api, TEXT, BODY, 60.0, 3.0, timeout=60 * PATIENCE))
            await scrape()
            await load

        asyncio.run(scenario())
        print(f"  scrape p50 {percentile(times, 0.5) * 1e3:.1f} ms, p99 {percentile(times, 0.99) * 1e3:.1f} ms")
        assert percentile(times, 0.95) < 0.5 * PATIENCE, f"scrapes take {percentile(times, 0.95):.3f} s"
        d.wait_idle()


def test_interactive_goes_before_batch(setup):
    """With one place in the batch the urgent request overtakes those that wait."""
    config = {"models": [{**setup.configuration()["models"][0], "max_running": 1}], "queue": {"capacity": 64}}
    with setup.daemon(config) as d:
        body = {"model": "demo", "prompt": "x", "max_tokens": tokens(100), "ignore_eos": True}

        async def scenario():
            order = []

            async def one(name, priority):
                result = await ask(d.api, TEXT, {**body, "priority": priority}, 120 * PATIENCE)
                assert result.status == 200, (result.status, result.error, result.body[:200])
                order.append(name)

            slow = [asyncio.create_task(one("batch", "batch")) for _ in range(6)]
            while d.metrics().sum("inferd_queue_depth") < 4:
                assert not all(t.done() for t in slow), "the batch requests were done before the interactive one was sent"
                await asyncio.sleep(0.005)
            await asyncio.gather(*slow, asyncio.create_task(one("interactive", "interactive")))
            return order

        order = asyncio.run(scenario())
        assert order.index("interactive") < len(order) - 1, order
