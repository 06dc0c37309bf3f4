"""What scrapers may do to the observability plane: negotiate, compress, be slow, be many, be hostile. The good ones go on being answered, and
the API plane notices nothing."""
import asyncio
import contextlib
import gzip
import multiprocessing
import pathlib
import resource
import select
import signal
import socket
import threading
import time

from harness import CHAT, PATIENCE, Metrics, eventually, http_bytes, raw, request, status_of
from load import ask, percentile

PROMETHEUS_2 = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
PROMETHEUS_3 = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def test_formats_and_compression_as_asked(setup):
    d = setup.shared()
    for accept, content_type in ((PROMETHEUS_2, OPEN), (PROMETHEUS_3, OPEN), ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT_FORMAT),
                                 (None, TEXT_FORMAT), ("*/*", TEXT_FORMAT), ("application/openmetrics-text;q=nan", TEXT_FORMAT)):
        for coding, packed in (("gzip", True), ("gzip;q=0", False), ("identity", False), ("br, *;q=0.5", True), (None, False)):
            headers = {k: v for k, v in (("Accept", accept), ("Accept-Encoding", coding)) if v is not None}
            answer = d.observe("/metrics", headers=headers)
            assert answer.status == 200 and answer.headers["content-type"] == content_type, (accept, answer.headers)
            assert (answer.headers.get("content-encoding") == "gzip") == packed, (coding, answer.headers)
            assert answer.headers["vary"] == "Accept-Encoding"
            body = gzip.decompress(answer.body) if packed else answer.body
            assert body.endswith(b"# EOF\n") == (content_type == OPEN)
            if packed:
                assert len(answer.body) < len(body) / 4, (len(answer.body), len(body))
    # A few bytes are not worth packing.
    assert "content-encoding" not in d.observe("/load", headers={"Accept-Encoding": "gzip"}).headers


def test_names_choose_families(setup):
    d = setup.shared()
    text = d.observe("/metrics?name[]=inferd_queue_depth&name%5B%5D=inferd_scrapes_total").body.decode()
    assert {line.split("{")[0].split(" ")[0] for line in text.strip().split("\n") if not line.startswith("#")} == {
        "inferd_queue_depth", "inferd_scrapes_total"}


def test_load_is_small_and_quick(setup):
    d = setup.shared()
    times = []
    for _ in range(50):
        start = time.perf_counter()
        answer = d.observe("/load")
        times.append(time.perf_counter() - start)
        assert answer.status == 200 and len(answer.body) < 300, answer
        assert set(answer.json()) >= {"queued", "running", "kv_usage", "oldest_queued_seconds", "age_seconds"}
    print(f"  /load: median {percentile(times, 0.5) * 1e6:.0f} us with a connection each")


def test_status_shows_everything(setup):
    with setup.daemon({"observability": {"interval": "100ms"}}) as d:
        d.chat(max_tokens=4, ignore_eos=True)
        d.complete(temperature=99)
        d.wait_idle()
        eventually(lambda: d.observe("/status").json()["collectors"], 10, "the collectors have run")
        status = d.observe("/status").json()
        assert status["health"] == {"status": "ok", "reasons": []} and status["state"] == "ready" and status["version"], status
        [model] = status["models"]
        assert model["model"] == "demo" and model["state"] == "ok" and model["architecture"] and model["queue_capacity"] == 256, model
        chat = next(r for r in status["requests"] if r["endpoint"] == "chat_completions" and r["model"] == "demo")
        assert chat["received"] == 1 and chat["length"] == 1, chat
        assert sum(r["rejected"] for r in status["requests"]) == 1
        assert {c["collector"] for c in status["collectors"]} >= {"gpu_nvml", "cgroup", "clock", "disk"}, status["collectors"]
        assert all(c["up"] == (c["fault"] == "") for c in status["collectors"])
        assert status["daemon"]["last_reload_successful"] is True
        # A rate is over the last ten whole seconds.
        eventually(lambda: d.observe("/status").json()["models"][0]["generated_tokens_per_second"] > 0, 10, "the rate of tokens is shown")


def test_the_series_stay_within_their_budget(setup):
    model = setup.configuration()["models"][0]
    config = {"models": [{**model, "name": f"m{n}", "warmup": 0, "max_running": 1, "context": 64, "threads": 1} for n in range(6)],
              "observability": {"max_series": 1500}}
    with setup.daemon(config) as d:
        m = d.metrics()
        assert len(m.samples) <= 1500 and m.sum("inferd_series") == len(m.samples), (len(m.samples), m.sum("inferd_series"))
        assert m.sum("inferd_metrics_label_overflow_total") > 0
        d.says("observability.max_series")
        for n in range(6):
            assert d.post("/v1/completions", {"model": f"m{n}", "prompt": "x", "max_tokens": 1}).status == 200
        m = d.wait_idle()
        assert m.sum("inferd_requests_received_total") == 6, "what does not fit is added up, not lost"


def test_bad_headers_and_paths_get_an_answer(setup):
    d = setup.shared()
    requests = {
        "an Accept of commas": ("/metrics", [f"Accept: {',' * 8000}"], 200),
        "an Accept of noise": ("/metrics", ["Accept: \x01\xff;q=;;;=,,application/openmetrics-text;version=\"", "Accept-Encoding: ;;q=,gzip;q=1e400"], (200, 400)),
        "weights that are none": ("/metrics", ["Accept: application/openmetrics-text;q=NaN, text/plain;q=-7", "Accept-Encoding: gzip;q=x"], 200),
        "a name of the filter that is none": ("/metrics?name[]=%00%ff&name[]=&&==&name%5b%5d", [], 200),
        "an unknown path": ("/wp-admin/setup.php", [], 404),
        "a path of 5000": ("/" + "a" * 5000, [], 404),
    }
    for name, (path, headers, expected) in requests.items():
        response = raw(d.observability, http_bytes(path, b"", method="GET", headers=[*headers, "Connection: close"]), timeout=5, finish=False)
        assert status_of(response) in (expected if isinstance(expected, tuple) else (expected,)), (name, response[:300])
    for name, header in (("a header of a megabyte", "X-A: " + "b" * 2**20), ("a hundred thousand headers", "\r\n".join(f"X-{n}: 1" for n in range(100_000)))):
        response = raw(d.observability, http_bytes("/metrics", b"", method="GET", headers=[header]), timeout=5)
        assert status_of(response) is None or 400 <= status_of(response) < 500, (name, response[:200])
    assert d.observe("/metrics").status == 200


def test_odd_request_targets_get_an_answer(setup):
    d = setup.shared()

    def ask(target, method="GET", version="1.1", headers=()):
        head = "\r\n".join([f"{method} {target} HTTP/{version}", f"Host: 127.0.0.1:{d.observability}", *headers])
        return raw(d.observability, head.encode() + b"\r\n\r\n", timeout=5, finish=False)

    close = ["Connection: close"]
    # The absolute form is what clients send to a proxy; a server must take it for itself (RFC 9112, section 3.2.2).
    for name in ("127.0.0.1", "localhost", "inferd.example"):
        assert status_of(ask(f"http://{name}:{d.observability}/livez", headers=close)) == 200, name
    for target, method in (("http://elsewhere.example:1/metrics", "GET"), ("*", "OPTIONS"), ("metrics", "GET"), ("127.0.0.1:80", "CONNECT")):
        response = ask(target, method, headers=close)
        assert 400 <= (status_of(response) or 0) < 500, (target, method, response[:200])
    for target in ("/metrics%00", "/metrics%00.html", "/live%00z", "/metrics%0a", "/metrics%7f"):
        response = ask(target, headers=close)
        assert status_of(response) == 400, (target, response[:200])
    assert status_of(ask("/metrics?name[]=%00", headers=close)) == 200


def test_the_connection_ends_when_the_client_says_so(setup):
    d = setup.shared()

    def ask(version, *headers):
        head = "\r\n".join([f"GET /livez HTTP/{version}", "Host: localhost", *headers]).encode() + b"\r\n\r\n"
        response = raw(d.observability, head * 2, timeout=5, finish=False)
        answers = response.split(b"HTTP/1.1 200")[1:]
        assert answers and b"\r\nConnection: " in answers[0], response[:300]
        return len(answers), answers[0].split(b"\r\nConnection: ")[1].split(b"\r\n")[0]

    assert ask("1.1", "Connection: close") == (1, b"close")
    assert ask("1.1", "Connection: Keep-Alive, CLOSE") == (1, b"close")
    assert ask("1.0") == (1, b"close")
    assert ask("1.0", "Connection: keep-alive")[1] == b"keep-alive"
    assert ask("1.1") == (2, b"keep-alive")


def attack(port, count):
    """In a process of its own, so that what it computes delays nobody who is measured: `count` connections at any time that stop in the middle
    of a request, or read no answer, and come back when they are closed."""
    async def slow(number):
        partial = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: " if number % 2 else b"GET /met"
        whole = http_bytes("/metrics", b"", method="GET") * 20  # and reads nothing
        while True:
            writer = None
            try:
                # Who takes answers away from others comes from another address; who only holds a connection may be anybody.
                address = "127.0.0.2" if number % 10 == 0 else "127.0.0.1"
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1, local_addr=(address, 0))
                writer.write(whole if number % 10 == 0 else partial)
                if number % 10:
                    while await reader.read(1):
                        pass
                else:
                    await asyncio.sleep(3)
            except OSError:
                await asyncio.sleep(0.2)
            finally:
                if writer is not None:
                    writer.transport.abort()

    async def all_of_them():
        await asyncio.gather(*(slow(n) for n in range(count)))

    asyncio.run(all_of_them())


@contextlib.contextmanager
def attacked(port, count):
    attacker = multiprocessing.get_context("fork").Process(target=attack, args=(port, count), daemon=True)
    attacker.start()
    try:
        yield
    finally:
        attacker.kill()
        attacker.join()


def test_scrapers_in_a_hurry_take_their_share_and_no_more(setup):
    """32 that scrape as fast as they can: putting their answers together takes a quarter of one CPU in the long run, and each is answered."""
    with setup.daemon() as d:
        def spent():
            return time.monotonic(), d.metrics().sum("inferd_scrape_duration_seconds_sum")

        statuses, end = [], time.monotonic() + 3

        def hurry():
            while time.monotonic() < end:
                statuses.append(d.observe("/metrics", timeout=60).status)

        begin, before = spent()
        threads = [threading.Thread(target=hurry) for _ in range(32)]
        for thread in threads:
            thread.start()
        while time.monotonic() < end:
            start = time.monotonic()
            assert d.observe("/livez").status == 200
            assert time.monotonic() - start < 5 * PATIENCE, "probes wait behind scrapes"
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        last, after = spent()
        share = (after - before) / (last - begin)
        print(f"  {len(statuses)} scrapes, {share:.2f} of one CPU")
        assert set(statuses) == {200}, set(statuses)
        # A burst of 0.1 s may be taken at once, and the last one may end later than it should.
        assert after - before <= (last - begin) / 4 + 0.2 * PATIENCE, (share, len(statuses))


def test_who_comes_in_a_crowd_waits_in_line(setup):
    """While no thread is free, connections are kept: one that the kernel forgets is tried again a second later, or three, or seven."""
    limit = pathlib.Path("/proc/sys/net/core/somaxconn")
    count = min(1000, int(limit.read_text()) if limit.exists() else 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 4)
    with setup.daemon() as d, contextlib.ExitStack() as stack:
        d.send(signal.SIGSTOP)
        stack.callback(d.send, signal.SIGCONT)
        poll, coming = select.poll(), set()
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", d.observability))
            poll.register(connection, select.POLLOUT)
            coming.add(connection.fileno())
        # In one second the first of those that were forgotten would be tried again, and forgotten again.
        deadline = time.monotonic() + 10 * PATIENCE
        while coming and time.monotonic() < deadline:
            for descriptor, _ in poll.poll(100):
                poll.unregister(descriptor)
                coming.discard(descriptor)
        assert not coming, f"{len(coming)} of {count} connections have no place to wait"


def test_thousands_of_slow_scrapers(setup):
    """3000 of them: good scrapers go on being answered, and a client of the API is answered as if nobody scraped."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    count = min(3000, hard // 2)
    with setup.daemon() as d:
        faults, missed = [], []

        def one_scrape(seconds):
            start = time.monotonic()
            try:
                answer = request(d.observability, "GET", "/metrics", timeout=60)
                assert answer.status == 200, answer
                Metrics(answer.body.decode()).assert_balanced()
                seconds.append(time.monotonic() - start)
            except OSError as error:
                missed.append(f"{type(error).__name__}: {error}")
            except AssertionError as error:
                faults.append(str(error))

        async def measure(seconds):
            """Seconds that each scrape took, and each request to the API, of three good scrapers and one client."""
            scrapes, api = [], []
            end = time.monotonic() + seconds

            async def scraper():
                while time.monotonic() < end or not scrapes:
                    await asyncio.to_thread(one_scrape, scrapes)
                    await asyncio.sleep(0.1)

            async def client():
                while time.monotonic() < end:
                    result = await ask(d.api, CHAT, {"model": "demo", "max_tokens": 2, "messages": [{"role": "user", "content": "x"}]}, 30 * PATIENCE)
                    if result.status != 200:
                        faults.append(f"API: {result.status} {result.error}")
                    api.append(result.seconds)

            await asyncio.gather(scraper(), scraper(), scraper(), client())
            return scrapes, api

        calm_scrapes, calm_api = asyncio.run(measure(3))
        assert not missed, missed[:5]
        with attacked(d.observability, count):
            eventually(lambda: d.metrics().sum("inferd_http_connections", plane="observability") >= 50, 30, "the attack has begun")
            scrapes, api = asyncio.run(measure(8))
            lost = [missed.pop() for _ in range(len(missed))]
        after_scrapes, after_api = asyncio.run(measure(3))
        for what, good, bad in (("scrapes", calm_scrapes + after_scrapes, scrapes), ("API requests", calm_api + after_api, api)):
            print(f"  {what}: {len(good)} in calm, median {percentile(good, 0.5):.3f} s, p95 {percentile(good, 0.95):.3f} s; with {count} slow "
                  f"connections {len(bad)}, median {percentile(bad, 0.5):.3f} s, p95 {percentile(bad, 0.95):.3f} s")
        assert not faults and not missed, (faults + missed)[:5]
        # Good scrapers stand in one line with 3000 others, which is a second long: some may fail, and on a busy machine it takes longer.
        print(f"  {len(lost)} scrapes failed: {lost[:2]}")
        assert len(lost) <= 1 + len(scrapes) / 10 and percentile(scrapes, 0.5) < 5 * PATIENCE, (lost, percentile(scrapes, 0.5))
        # The attackers take processor time of the same machine, and so may others: in calm before or after, whichever was worse.
        calm = max(percentile(calm_api, 0.95), percentile(after_api, 0.95))
        assert percentile(api, 0.95) < 5 * calm + 0.5 * PATIENCE, f"the API takes {percentile(api, 0.95):.1f} s, {calm:.2f} s in calm"
        d.assert_serves()
        # And they leave nothing behind.
        eventually(lambda: d.metrics().sum("inferd_http_connections", plane="observability") <= 4, 20, "their connections are closed")
