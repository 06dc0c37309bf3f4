"""What /metrics says, and that the books balance."""
import pathlib
import re

from harness import Metrics, eventually, http_bytes, raw, request, status_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([\w:]+)` \| (\w+) \|", re.MULTILINE)


def catalogue():
    """name -> type, from docs/METRICS.md, which a test holds to the code."""
    return dict(ROW.findall((ROOT / "docs/METRICS.md").read_text()))


def of_the_machine():
    """Names of what not every machine has: a GPU, a cgroup with limits, energy counters."""
    sections = (ROOT / "docs/METRICS.md").read_text().split("\n## ")
    return {name for section in sections if section.startswith(("GPU\n", "Host\n")) for name, _ in ROW.findall(section)}


def test_every_metric_is_there_from_the_start(setup):
    with setup.daemon({"observability": {"compat": ["vllm", "otel"]}}) as d:
        m = d.metrics()
        types = dict(re.findall(r"^# TYPE ([\w:]+) (\w+)$", m.text, re.MULTILINE))
        expected = {name: kind for name, kind in catalogue().items() if name in types or name not in of_the_machine()}
        missing = sorted(n for n in expected if n not in types)
        assert not missing, f"in the catalogue but not exported: {missing}"
        strange = sorted(n for n in types if n not in expected)
        assert not strange, f"exported but not in the catalogue: {strange}"
        assert types == expected, {n: (types[n], expected[n]) for n in expected if types[n] != expected[n]}
        # Known label values are there at 0, so that the first error shows as a rise.
        for outcome in ("ok", "length", "stop", "rejected", "expired", "cancelled", "failed"):
            assert any(n == "inferd_requests_ended_total" and l.get("outcome") == outcome for n, l, _ in m.samples), outcome
        assert any(n == "inferd_requests_rejected_total" and l.get("reason") == "queue_full" for n, l, _ in m.samples)


def test_the_exposition_is_in_order(setup):
    text = setup.shared().metrics().text
    assert text.endswith("\n")
    seen, current = set(), None
    for line in text.strip().split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert current not in seen, f"{current} comes twice"
            seen.add(current)
        elif not line.startswith("#"):
            name = re.match(r"\w+", line).group(0)
            assert name == current or name.startswith(current + "_"), f"{name} stands under {current}"


def test_counts_follow_the_requests(setup):
    with setup.daemon() as d:
        before = d.metrics()
        usage = []
        for n in range(5):
            usage.append(d.chat(max_tokens=5, stream=False).json()["usage"])
        d.complete(max_tokens=5, stream=True)
        d.complete(temperature=99)
        m = d.wait_idle()

        def grown(name, **labels):
            return m.sum(name, **labels) - before.sum(name, **labels)

        assert grown("inferd_requests_received_total", endpoint="chat_completions") == 5
        assert grown("inferd_requests_received_total", endpoint="completions") == 2
        assert grown("inferd_requests_rejected_total", reason="invalid") == 1
        assert grown("inferd_requests_ended_total") == 7
        assert grown("inferd_prompt_tokens_total", endpoint="chat_completions") == sum(u["prompt_tokens"] for u in usage)
        assert grown("inferd_generated_tokens_total", endpoint="chat_completions") == sum(u["completion_tokens"] for u in usage)
        assert grown("inferd_engine_steps_total") > 0 and grown("inferd_model_bytes_read_total") > 0 and grown("inferd_model_flops_total") > 0
        assert grown("inferd_scrapes_total") >= 1
        assert grown("inferd_http_requests_total", plane="api", code="400") == 1
        assert m.sum("inferd_records_dropped_total") == 0
        assert m.sum("inferd_engine_state", state="ok") + m.sum("inferd_engine_state", state="busy") == 1


def test_histograms_count_what_the_counters_count(setup):
    with setup.daemon() as d:
        for _ in range(4):
            d.chat(max_tokens=6, ignore_eos=True)
        # The recorder thread makes the views a moment after the fact; the record of a step comes after those of the requests that it ended.
        m = eventually(lambda: (m := d.metrics()).sum("inferd_request_duration_seconds_count") >= 4 and
                       m.sum("inferd_inter_token_seconds_count") >= 4 * 5 and m, 5, "the records are in the histograms")
        for name in ("inferd_request_duration_seconds", "inferd_time_to_first_token_seconds", "inferd_request_queue_seconds",
                     "inferd_request_prefill_seconds", "inferd_request_decode_seconds", "inferd_request_prompt_tokens",
                     "inferd_request_generated_tokens"):
            assert m.sum(f"{name}_count") == 4, f"{name}: {m.sum(f'{name}_count')}"
            assert m.sum(f"{name}_bucket", le="+Inf") == 4, name
        assert m.sum("inferd_request_generated_tokens_sum") == 24
        assert m.sum("inferd_inter_token_seconds_count") == 4 * 5
        assert m.sum("inferd_time_to_first_token_seconds_sum") <= m.sum("inferd_request_duration_seconds_sum")


def test_info_metrics(setup):
    m = setup.shared().metrics()
    [(labels, value)] = [(l, v) for n, l, v in m.samples if n == "inferd_model_info"]
    assert value == 1 and labels["model"] == "demo" and re.fullmatch(r"[0-9a-f]{64}", labels["sha256"]) and labels["architecture"], labels
    [(labels, value)] = [(l, v) for n, l, v in m.samples if n == "inferd_build_info"]
    assert value == 1 and labels["version"] and labels["compiler"], labels
    assert m.sum("process_resident_memory_bytes") > 2**20 and m.sum("process_open_fds") > 3 and m.sum("process_threads") > 2
    assert m.sum("process_start_time_seconds") > 1.6e9


def test_hostile_names_stay_out_of_the_labels(setup):
    """Unknown models and paths do not make series."""
    d = setup.shared()
    before = len(d.metrics().samples)
    for n in range(50):
        d.post("/v1/completions", {"model": f"evil-{n}\n\"}} 1", "prompt": "x"})
        request(d.api, "GET", f"/evil/{n}")
        request(d.observability, "GET", f"/evil/{n}")
    m = d.metrics()
    assert "evil" not in m.text
    assert len(m.samples) <= before + 20, (before, len(m.samples))


def test_the_scraper_cannot_be_starved_by_one_client(setup):
    """A connection that never finishes its request does not keep the next scrape waiting."""
    import socket
    d = setup.shared()
    held = [socket.create_connection(("127.0.0.1", d.observability)) for _ in range(3)]
    for s in held:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    try:
        assert d.observe("/metrics", timeout=5).status == 200
    finally:
        for s in held:
            s.close()


def test_head_and_keep_alive(setup):
    d = setup.shared()
    data = http_bytes("/metrics", b"", method="GET") * 2 + http_bytes("/livez", b"", method="GET", headers=["Connection: close"])
    response = raw(d.observability, data, timeout=5, finish=False)
    assert status_of(response) == 200 and response.count(b"HTTP/1.1 200") == 3, response[:300]
