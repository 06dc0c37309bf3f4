"""Every parameter wrong in every way: a 400 that names it, in OpenAI's shape, with nothing counted as work."""
from harness import CHAT, TEXT, http_bytes, raw, request, status_of

MESSAGES = [{"role": "user", "content": "x"}]
HUGE = 10**30

# parameter: wrong values. Each goes to both endpoints unless a set below says otherwise.
WRONG = {
    "model": [None, 5, ["demo"]],
    "max_tokens": [0, -1, 1.5, "4", True, HUGE, [], {}],
    "temperature": [-0.1, 2.1, "1", True, [], HUGE],
    "top_p": [0, -1, 1.01, "1", {}],
    "top_k": [-1, 1.5, "4", HUGE],
    "min_p": [-0.1, 1, 1.5, "0"],
    "seed": ["1", 1.5, HUGE, []],
    "stop": [5, ["a", "b", "c", "d", "e"], [5], {}, [""], ""],
    "n": [0, -1, 9, 1.5, "2", HUGE],
    "ignore_eos": [1, "true"],
    "presence_penalty": [-2.1, 2.1, "0", []],
    "frequency_penalty": [-2.1, 2.1, "0", []],
    "repetition_penalty": [0, -1, 2.1, "1"],
    "logit_bias": [[], "x", {"a": 1}, {"1": "x"}, {"1": 101}, {"1": -101}, {"-1": 1}, {"99999999": 1}],
    "stream": ["true", 1, [], {}],
    "stream_options": [True, "x", []],
    "user": [5, [], {}],
    "priority": ["urgent", 5, []],
}
ONLY_CHAT = {
    "max_completion_tokens": [0, -1, "4"],
    "messages": [None, [], "hello", {}, [5], [None], [{}], [{"role": "user"}], [{"content": "x"}], [{"role": "pirate", "content": "x"}],
                 [{"role": "user", "content": 5}], [{"role": 5, "content": "x"}]],
    "logprobs": [5, "true"],
    "top_logprobs": [-1, 21, 1.5, "3"],
}
ONLY_TEXT = {
    "prompt": [None, 5, {}, [], [[]], [["a"]], ["a", 5], [1.5], [-1], [99999999], [None]],
    "logprobs": [-1, 21, 1.5, "3", True],
}
# Known to OpenAI or others, not to us: refused by name, never ignored.
UNSUPPORTED = ["tools", "functions", "audio", "best_of", "suffix", "no_such_parameter", "maxTokens"]


def check_error(answer, status, param=None):
    assert answer.status == status, f"{answer} instead of {status}"
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    error = answer.error
    assert set(error) >= {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str) and error["message"] and isinstance(error["type"], str), error
    if param is not None:
        assert error["param"] is not None and error["param"].split(".")[0].split("[")[0] == param, f"{error} does not name {param}"
        assert param in error["message"] or error["param"] in error["message"], f"the message does not name {param}: {error}"


def sweep(d, path, base, table):
    faults = []
    for param, values in table.items():
        for value in values:
            body = {**base, param: value}
            if param == "top_logprobs":
                body.setdefault("logprobs", True)
            if param == "stream_options":
                body["stream"] = True
            # max_tokens and max_completion_tokens together are a fault of their own.
            if param == "max_completion_tokens":
                body.pop("max_tokens", None)
            answer = d.post(path, body)
            try:
                check_error(answer, 400, param)
            except (AssertionError, KeyError, ValueError) as error:
                faults.append(f"{param}={value!r}: {type(error).__name__} {error}")
    assert not faults, "\n" + "\n".join(faults)


def test_wrong_chat_parameters(setup):
    sweep(setup.shared(), CHAT, {"model": "demo", "messages": MESSAGES, "max_tokens": 1}, {**WRONG, **ONLY_CHAT})


def test_wrong_completion_parameters(setup):
    sweep(setup.shared(), TEXT, {"model": "demo", "prompt": "x", "max_tokens": 1}, {**WRONG, **ONLY_TEXT})


def test_unknown_parameters_are_named(setup):
    d = setup.shared()
    for param in UNSUPPORTED:
        check_error(d.chat(max_tokens=1, **{param: [{"x": 1}]}), 400, param)
        check_error(d.complete(max_tokens=1, **{param: [{"x": 1}]}), 400, param)


def test_missing_parameters_are_named(setup):
    d = setup.shared()
    check_error(d.post(CHAT, {"messages": MESSAGES}), 400, "model")
    check_error(d.post(CHAT, {"model": "demo"}), 400, "messages")
    check_error(d.post(TEXT, {"model": "demo"}), 400, "prompt")
    check_error(d.post("/tokenize", {"model": "demo"}), 400)
    check_error(d.post("/detokenize", {"model": "demo"}), 400, "tokens")


def test_parameters_that_contradict_each_other(setup):
    d = setup.shared()
    check_error(d.chat(max_tokens=1, top_logprobs=3), 400, "top_logprobs")
    check_error(d.chat(max_tokens=1, stream_options={"include_usage": True}), 400, "stream_options")


def test_unknown_model_names_the_known_ones(setup):
    answer = setup.shared().post(CHAT, {"model": "gpt-9", "messages": MESSAGES})
    check_error(answer, 404, "model")
    assert "demo" in answer.error["message"] and "gpt-9" in answer.error["message"] and answer.error["code"] == "model_not_found", answer


def test_prompt_longer_than_the_context(setup):
    d = setup.shared()
    answer = d.complete("word " * 60000, max_tokens=1)
    assert answer.status == 400 and answer.error["code"] == "context_length_exceeded", answer


def test_bodies_that_are_no_json_object(setup):
    d = setup.shared()
    for body in (b"", b"{", b"[]", b"5", b"null", b'"x"', b"{}}", b'{"model": "demo",}', b"{'model': 'demo'}", b"\xff\xfe{}", b"\x00",
                 b'{"model": NaN}', b'{"a": 1e999}', b'\xef\xbb\xbf{"model": "demo"}x'):
        for path in (CHAT, TEXT, "/tokenize", "/detokenize"):
            check_error(d.post(path, body), 400)


def test_unknown_paths_and_methods(setup):
    d = setup.shared()
    for path in ("/", "/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/v2/models", "/metrics.php", "/v1/embeddings"):
        check_error(d.get(path), 404)
    for method, path in (("GET", CHAT), ("PUT", CHAT), ("DELETE", TEXT), ("POST", "/v1/models"), ("PATCH", "/readyz")):
        answer = request(d.api, method, path)
        check_error(answer, 405)
        assert answer.headers.get("allow"), answer.headers


def test_observability_refuses_what_it_does_not_have(setup):
    d = setup.shared()
    nowhere = request(d.observability, "GET", "/nowhere")
    assert nowhere.status == 404 and b"/metrics" in nowhere.body and b"/api/v2/silences" in nowhere.body, nowhere
    assert request(d.observability, "POST", "/metrics", "x").status == 405


def test_body_over_the_limit(setup):
    with setup.daemon({"api": {"listen": ["127.0.0.1:0"], "max_body": "64KiB"}}) as d:
        # Refused by its length, before it is sent.
        answer = raw(d.api, http_bytes(TEXT, b"", length=10 * 1024 * 1024), finish=False)
        assert status_of(answer) == 413, answer[:300]
        answer = d.complete("x" * 100_000, max_tokens=1)
        check_error(answer, 413)
        d.assert_serves()


def test_deadline_of_a_request(setup):
    with setup.daemon({"queue": {"deadline": "50ms"}}) as d:
        answer = d.complete("The", n=8, ignore_eos=True)
        assert answer.status in (200, 408), answer
        if answer.status == 408:
            check_error(answer, 408)
        d.wait_idle()
