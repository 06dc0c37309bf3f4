"""A real Prometheus scrapes both formats while the daemon works: it is never down, its counters are what was sent, its exemplars lead to
the requests.

INFERD_TEST_PROMETHEUS_SECONDS is the length of the load: a few seconds, or 60 and more for the long form.
"""
import asyncio
import contextlib
import json
import math
import os
import subprocess
import time

from harness import CHAT, PATIENCE, TEXT, eventually
from load import ask
from prometheus import Prometheus, TextOnly, tool

SECONDS = float(os.environ.get("INFERD_TEST_PROMETHEUS_SECONDS", "6"))

# Every series under vLLM's names (docs/METRICS.md, "Names other tools look for"), in the shapes of query in which dashboards use them:
# quantiles and means of histograms, rates, ratios. Written here; the dashboards themselves are not at hand, and that they draw well is not
# what this shows.
VLLM_QUERIES = {
    "request latency": 'histogram_quantile(0.99, sum by (le) (rate(vllm:e2e_request_latency_seconds_bucket{model_name="demo"}[1m])))',
    "mean request latency": 'rate(vllm:e2e_request_latency_seconds_sum{model_name="demo"}[1m]) / '
                            'rate(vllm:e2e_request_latency_seconds_count{model_name="demo"}[1m])',
    "prompt tokens": 'rate(vllm:prompt_tokens_total{model_name="demo"}[1m])',
    "generated tokens": 'rate(vllm:generation_tokens_total{model_name="demo"}[1m])',
    "gap between tokens": 'histogram_quantile(0.95, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket{model_name="demo"}[1m])))',
    "running": 'vllm:num_requests_running{model_name="demo"}',
    "waiting": 'vllm:num_requests_waiting{model_name="demo"}',
    "time to first token": 'histogram_quantile(0.5, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{model_name="demo"}[1m])))',
    "KV cache": 'vllm:kv_cache_usage_perc{model_name="demo"}',
    "prompt lengths": 'sum by (le) (increase(vllm:request_prompt_tokens_bucket{model_name="demo"}[1m]))',
    "answer lengths": 'sum by (le) (increase(vllm:request_generation_tokens_bucket{model_name="demo"}[1m]))',
    "finish reasons": 'sum by (finished_reason) (increase(vllm:request_success_total{model_name="demo"}[1m]))',
    "queue": 'rate(vllm:request_queue_time_seconds_sum{model_name="demo"}[1m])',
    "prefill": 'rate(vllm:request_prefill_time_seconds_sum{model_name="demo"}[1m])',
    "decode": 'rate(vllm:request_decode_time_seconds_sum{model_name="demo"}[1m])',
    "prefix cache": 'sum(rate(vllm:prefix_cache_hits_total[1m])) / sum(rate(vllm:prefix_cache_queries_total[1m]))',
    "preemptions": 'sum(rate(vllm:num_preemptions_total[1m]))',
    "cache blocks": 'vllm:cache_config_info{block_size!="",num_gpu_blocks!=""}',
    "models": 'count by (model_name) (vllm:num_requests_running)',
}
# Over zero when requests were answered; the others may be.
MOVING = {"request latency", "mean request latency", "prompt tokens", "generated tokens", "gap between tokens", "time to first token",
          "prompt lengths", "answer lengths", "finish reasons", "prefill", "decode", "cache blocks", "models"}

OTEL_QUERIES = [
    'histogram_quantile(0.9, sum by (le) (rate(gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name="chat",error_type=""}[1m])))',
    'histogram_quantile(0.9, sum by (le) (rate(gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_request_model="demo"}[1m])))',
    'histogram_quantile(0.9, sum by (le) (rate(gen_ai_server_time_per_output_token_seconds_bucket{gen_ai_provider_name="inferd"}[1m])))',
]


async def load(port, seconds):
    """Three clients, each with a trace of its own for every request: (endpoint, trace id, result)."""
    done, end = [], time.monotonic() + seconds

    async def client(number):
        sent = 0
        while time.monotonic() < end or sent < 3:
            sent += 1
            trace = os.urandom(16).hex()
            chat = (number + sent) % 2
            body = {"model": "demo", "max_tokens": 8, "ignore_eos": True}
            body |= {"messages": [{"role": "user", "content": f"Question {sent}"}]} if chat else {"prompt": f"The queue {sent}"}
            result = await ask(port, CHAT if chat else TEXT, body, 60 * PATIENCE, [f"traceparent: 00-{trace}-{os.urandom(8).hex()}-01"])
            done.append(("chat_completions" if chat else "completions", trace, result))
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client(n) for n in range(3)))
    return done


def test_prometheus_scrapes_both_formats(setup):
    with setup.daemon({"observability": {"compat": ["vllm", "otel"]}}) as d, contextlib.ExitStack() as stack:
        tool("prometheus")
        text = stack.enter_context(contextlib.closing(TextOnly(d.observability)))
        prometheus = stack.enter_context(contextlib.closing(Prometheus({"open": d.observability, "text": text.port})))
        eventually(lambda: len(prometheus.query("up == 1")) == 2, 20, "both were scraped once")
        begin = time.time()
        done = asyncio.run(load(d.api, SECONDS))
        assert all(r.status == 200 for _, _, r in done), [(r.status, r.error) for _, _, r in done if r.status != 200][:3]
        d.wait_idle()

        # Counters are what was sent, from both formats, in the end.
        for job in ("open", "text"):
            for endpoint in ("chat_completions", "completions"):
                sent = sum(e == endpoint for e, _, _ in done)
                eventually(lambda: prometheus.value(f'sum(inferd_requests_ended_total{{job="{job}",endpoint="{endpoint}"}})') == sent, 10,
                           f"{job}: {sent} ended requests of {endpoint}")
                assert prometheus.value(f'sum(inferd_requests_received_total{{job="{job}",endpoint="{endpoint}"}})') == sent
            tokens = sum(r.body and json.loads(r.body)["usage"]["completion_tokens"] for _, _, r in done)
            assert prometheus.value(f'sum(inferd_generated_tokens_total{{job="{job}"}})') == tokens
            eventually(lambda: prometheus.value(f'sum(inferd_request_duration_seconds_count{{job="{job}"}})') == len(done), 10,
                       f"{job}: every request is in the histogram")
            assert prometheus.value(f'min_over_time(up{{job="{job}"}}[10m])') == 1, f"{job} was down"
        assert not [t["lastError"] for t in prometheus.api("targets")["activeTargets"] if t["lastError"]]
        assert "level=error" not in prometheus.log() and "level=warn" not in prometheus.log(), prometheus.log()

        # Exemplars: of OpenMetrics, with the traces that were sent.
        sent = {trace for _, trace, _ in done}
        for expression in ("inferd_request_duration_seconds_bucket", "inferd_time_to_first_token_seconds_bucket", "inferd_requests_ended_total"):
            series = prometheus.api("query_exemplars", query=expression, start=begin - 5, end=time.time() + 5)
            found = [e for s in series for e in s["exemplars"]]
            assert found, f"no exemplars of {expression}"
            assert all(e["labels"]["trace_id"] in sent and e["labels"]["request_id"] for e in found), found
            assert all(s["seriesLabels"]["job"] == "open" for s in series), "the text format has none"

        # The names that other people's dashboards ask for.
        for name, expression in VLLM_QUERIES.items():
            result = prometheus.query(expression.replace("{", '{job="open",', 1) if "{" in expression else expression)
            assert result, f"{name}: no data for {expression}"
            values = [v for _, v in result]
            assert name == "prefix cache" or not any(math.isnan(v) for v in values), f"{name}: {result}"
            assert name not in MOVING or max(values) > 0, f"{name}: {result}"
        for expression in OTEL_QUERIES:
            result = prometheus.query(expression)
            assert result and result[0][1] > 0, (expression, result)


def test_promtool_checks_a_loaded_daemon(setup):
    with setup.daemon({"observability": {"compat": ["otel"], "interval": "200ms"}}) as d:
        promtool = tool("promtool")
        asyncio.run(load(d.api, 1))
        d.complete(temperature=99)
        for n in range(3):
            d.get(f"/nothing/{n}")
        text = d.wait_idle().text
        done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False)
        assert done.returncode == 0 and not done.stdout.strip() + done.stderr.strip(), done.stdout.decode() + done.stderr.decode()
