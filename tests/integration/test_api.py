"""What a client does every day."""
import json
import re

from harness import CHAT, TEXT, events, raw, request


def test_chat_answers(setup):
    d = setup.shared()
    answer = d.chat(max_tokens=16)
    assert answer.status == 200, answer
    body = answer.json()
    assert body["object"] == "chat.completion" and body["model"] == "demo" and body["id"] and body["created"] > 1.6e9, body
    [choice] = body["choices"]
    assert choice["index"] == 0 and choice["message"]["role"] == "assistant" and choice["message"]["content"], choice
    assert choice["finish_reason"] in ("stop", "length"), choice
    usage = body["usage"]
    assert usage["prompt_tokens"] > 0 and 0 < usage["completion_tokens"] <= 16, usage
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], usage


def test_chat_streams_the_same_text(setup):
    d = setup.shared()
    options = {"max_tokens": 24, "temperature": 0, "seed": 7}
    whole = d.chat(**options).json()["choices"][0]
    answer = d.chat(stream=True, stream_options={"include_usage": True}, **options)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream"), answer.headers
    chunks = events(answer)
    assert chunks[-1] == "[DONE]"
    chunks = chunks[:-1]
    assert {c["id"] for c in chunks} == {chunks[0]["id"]} and all(c["object"] == "chat.completion.chunk" for c in chunks)
    with_choices = [c for c in chunks if c["choices"]]
    assert with_choices[0]["choices"][0]["delta"].get("role") == "assistant", with_choices[0]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in with_choices)
    assert text == (whole["message"]["content"] or ""), (text, whole)
    reasons = [c["choices"][0]["finish_reason"] for c in with_choices if c["choices"][0]["finish_reason"]]
    assert reasons == [whole["finish_reason"]]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] > 0, chunks[-1]


def test_stream_without_usage_has_none(setup):
    chunks = events(setup.shared().chat(max_tokens=4, stream=True))
    assert chunks[-1] == "[DONE]" and all(not c.get("usage") and c["choices"] for c in chunks[:-1])


def test_completion_answers(setup):
    body = setup.shared().complete("The queue", max_tokens=8).json()
    assert body["object"] == "text_completion", body
    [choice] = body["choices"]
    assert isinstance(choice["text"], str) and choice["finish_reason"] in ("stop", "length")


def test_completion_streams(setup):
    d = setup.shared()
    whole = d.complete("The queue", max_tokens=16, temperature=0).json()["choices"][0]["text"]
    chunks = events(d.complete("The queue", max_tokens=16, temperature=0, stream=True))
    assert chunks[-1] == "[DONE]"
    assert "".join(c["choices"][0]["text"] for c in chunks[:-1] if c["choices"]) == whole


def test_prompts_of_every_form(setup):
    d = setup.shared()
    tokens = d.post("/tokenize", {"model": "demo", "text": "The queue"}).json()["tokens"]
    assert tokens and all(isinstance(t, int) for t in tokens)
    one = d.complete("The queue", max_tokens=6, temperature=0).json()["choices"][0]["text"]
    assert len(d.complete(["The queue", "The model"], max_tokens=6).json()["choices"]) == 2
    assert len(d.complete([tokens, tokens], max_tokens=6).json()["choices"]) == 2
    by_id = d.complete(tokens, max_tokens=6, temperature=0)
    assert by_id.status == 200, by_id
    # A beginning-of-text token may be added to a text and not to ids; the text is the same when there is none.
    assert isinstance(by_id.json()["choices"][0]["text"], str) and isinstance(one, str)


def test_n_gives_that_many_choices(setup):
    body = setup.shared().chat(max_tokens=8, n=3, temperature=1, seed=11).json()
    assert [c["index"] for c in body["choices"]] == [0, 1, 2]


def test_the_same_seed_gives_the_same_text(setup):
    d = setup.shared()
    options = {"max_tokens": 24, "temperature": 1.2, "seed": 5}
    texts = [d.complete("The", **options).json()["choices"][0]["text"] for _ in range(3)]
    assert len(set(texts)) == 1, texts


def test_stop_is_not_in_the_text(setup):
    d = setup.shared()
    text = d.complete("The", max_tokens=32, temperature=0, ignore_eos=True).json()["choices"][0]["text"]
    letters = [c for c in dict.fromkeys(text[1:]) if c.isalpha()]
    assert letters, f"nothing to stop at in {text!r}"
    stop = letters[len(letters) // 2]
    choice = d.complete("The", max_tokens=32, temperature=0, ignore_eos=True, stop=stop).json()["choices"][0]
    assert choice["finish_reason"] == "stop" and choice["text"] == text[:text.index(stop)], (choice, text, stop)


def test_logprobs_of_chat(setup):
    body = setup.shared().chat(max_tokens=4, logprobs=True, top_logprobs=3, temperature=0).json()
    content = body["choices"][0]["logprobs"]["content"]
    assert content and len(content) <= 4
    for position in content:
        assert position["logprob"] <= 1e-6 and len(position["top_logprobs"]) == 3, position
        assert position["top_logprobs"][0]["logprob"] >= position["logprob"] - 1e-6
        assert bytes(position["bytes"]).decode(errors="replace") is not None


def test_logprobs_of_completions(setup):
    logprobs = setup.shared().complete(max_tokens=4, logprobs=2, temperature=0).json()["choices"][0]["logprobs"]
    n = len(logprobs["tokens"])
    assert 0 < n <= 4 and len(logprobs["token_logprobs"]) == n and len(logprobs["top_logprobs"]) == n, logprobs


def test_logit_bias_forbids_a_token(setup):
    d = setup.shared()
    first = d.complete("The queue", max_tokens=1, temperature=0, logprobs=1)
    text = first.json()["choices"][0]["text"]
    tokens = d.post("/tokenize", {"model": "demo", "text": text, "add_special": False}).json()["tokens"]
    assert tokens
    biased = d.complete("The queue", max_tokens=1, temperature=0, logit_bias={str(tokens[0]): -100}).json()["choices"][0]["text"]
    assert biased != text


def test_models(setup):
    d = setup.shared()
    body = d.get("/v1/models").json()
    assert body["object"] == "list" and [m["id"] for m in body["data"]] == ["demo"], body
    one = d.get("/v1/models/demo").json()
    assert one["id"] == "demo" and one["object"] == "model"
    missing = d.get("/v1/models/none")
    assert missing.status == 404 and "demo" in missing.error["message"], missing


def test_tokenize_and_back(setup):
    d = setup.shared()
    for text in ("The queue is long.", "héllo — 日本語 🙂", "  spaces\n\ttabs  "):
        tokens = d.post("/tokenize", {"model": "demo", "text": text, "add_special": False})
        assert tokens.status == 200, tokens
        ids = tokens.json()["tokens"]
        back = d.post("/detokenize", {"model": "demo", "tokens": ids}).json()["content"]
        assert back == text, (text, ids, back)


def test_request_id_is_the_callers_when_sane(setup):
    d = setup.shared()
    body = {"model": "demo", "prompt": "x", "max_tokens": 1}
    assert d.post(TEXT, body, headers={"X-Request-Id": "order-42_a"}).headers["x-request-id"] == "order-42_a"
    given = d.post(TEXT, body, headers={"X-Request-Id": "no spaces, \"please\""}).headers["x-request-id"]
    assert given and given != "no spaces, \"please\"" and re.fullmatch(r"[\w.:-]+", given), given
    assert d.get("/v1/models").headers["x-request-id"]
    assert d.get("/nowhere").headers["x-request-id"]


def test_trace_context_goes_on(setup):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    given = setup.shared().post(TEXT, {"model": "demo", "prompt": "x", "max_tokens": 1}, headers=headers).headers["traceparent"]
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-0[01]", given) and "00f067aa0ba902b7" not in given, given


def test_two_trace_contexts_are_none(setup):
    parents = [f"traceparent: 00-{trace * 32}-00f067aa0ba902b7-01\r\n" for trace in "ab"]
    for given in (parents, parents[:1] * 2):
        answer = raw(setup.shared().api, f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{''.join(given)}\r\n".encode(), finish=False)
        ours = re.search(rb"(?i)\r\ntraceparent: 00-(\w{32})-", answer)
        assert ours and ours[1] not in (b"a" * 32, b"b" * 32), answer


def test_server_timing(setup):
    timing = setup.shared().complete(max_tokens=2).headers.get("server-timing", "")
    for part in ("queue", "prefill", "decode"):
        assert re.search(rf"\b{part};dur=[\d.]+", timing), timing


def test_priority_is_taken(setup):
    for priority in ("interactive", "normal", "batch"):
        assert setup.shared().complete(max_tokens=1, priority=priority).status == 200


def test_health_on_both_addresses(setup):
    d = setup.shared()
    for port, paths in ((d.api, ("/healthz", "/readyz")), (d.observability, ("/livez", "/readyz", "/healthz"))):
        for path in paths:
            answer = request(port, "GET", path)
            assert answer.status == 200, (path, answer)
    verdict = d.observe("/healthz").json()
    assert verdict["status"] in ("ok", "busy"), verdict


def test_load_is_small(setup):
    answer = setup.shared().observe("/load")
    assert answer.status == 200 and len(answer.body) < 300, answer
    load = answer.json()
    text = json.dumps(load)
    for key in ("queued", "running", "kv_usage", "oldest_queued_seconds", "age_seconds"):
        assert f'"{key}"' in text, load


def test_unicode_is_whole_in_every_chunk(setup):
    answer = setup.shared().post(CHAT, {"model": "demo", "messages": [{"role": "user", "content": "日本語 🙂 é"}], "max_tokens": 32,
                                        "stream": True, "temperature": 2, "seed": 3})
    assert answer.status == 200
    for chunk in events(answer)[:-1]:
        json.dumps(chunk, ensure_ascii=False).encode()  # no half surrogate, no cut code point
