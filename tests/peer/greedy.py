#!/usr/bin/env python3
"""Compares greedy decoding of inferd with that of llama.cpp's server on the same GGUF file.

    INFERD_PEER='command prefix' tests/peer/greedy.py --bin build/dev FILE.gguf...

INFERD_PEER stands before `llama-server ARGS`, as for scripts/bench. For each file both servers generate from the same prompts at
temperature 0; the table says how many prompts gave the same text. Exit status 0 when that is at least --least of --prompts for every file,
1 when not, 2 when a server does not start. Standard library only.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def post(port, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def wait_for(port, path, process, what, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)
            return
        time.sleep(0.1)
    print(f"{what} does not answer on port {port}", file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def running(command, log):
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prompts(n):
    rng = random.Random(1)
    words = "the quick model reads a prompt and writes an answer while queue depth stays low under load".split()
    return [" ".join(rng.choice(words) for _ in range(rng.randint(1, 40))) for _ in range(n)]


def questions(n):
    """Prompts that the demo model was made for, in its chat format: a trained model is sure of most of its tokens."""
    root = pathlib.Path(__file__).resolve().parents[2]
    names = [line.split("`")[1] for line in (root / "docs/METRICS.md").read_text().splitlines() if line.startswith("| `")]
    return [f"<|im_start|>user\nWhat does {name} tell me?<|im_end|>\n<|im_start|>assistant\n" for name in random.Random(1).sample(names, n)]


def common_prefix(a, b):
    return len(os.path.commonprefix([a, b]))


def compare(args, file, folder):
    ours, theirs, observe = free_port(), free_port(), free_port()
    config = folder / "inferd.yaml"
    config.write_text(
        f'api: {{listen: ["127.0.0.1:{ours}"]}}\nobservability: {{listen: "127.0.0.1:{observe}"}}\n'
        f"models: [{{name: m, path: '{file}', context: 2048, kv_type: {args.kv_type}}}]\n")
    inferd = next(p for p in (pathlib.Path(args.bin, "daemon", "inferd"), pathlib.Path(args.bin, "inferd")) if p.exists())
    peer = shlex.split(os.environ["INFERD_PEER"]) + ["llama-server", "-m", str(file), "--port", str(theirs), "-c", "2048", "-t", "2", "-np", "1",
                                                     "--cache-type-k", args.kv_type, "--cache-type-v", args.kv_type, *shlex.split(args.peer_args)]
    with running([str(inferd), "--config", str(config)], folder / "inferd.log") as a, running(peer, folder / "peer.log") as b:
        wait_for(observe, "/readyz", a, "inferd")
        wait_for(theirs, "/health", b, "the peer")
        same, prefixes = 0, []
        for prompt in (questions if args.demo else prompts)(args.prompts):
            body = {"prompt": prompt, "max_tokens": args.tokens, "temperature": 0, "ignore_eos": not args.demo}
            mine = post(ours, "/v1/completions", {**body, "model": "m"})["choices"][0]["text"]
            other = post(theirs, "/completion", {"prompt": prompt, "n_predict": args.tokens, "temperature": 0, "ignore_eos": not args.demo, "cache_prompt": False})["content"]
            same += mine == other
            if mine != other:
                prefixes.append(f"{common_prefix(mine, other)} of {len(mine)} characters")
        return same, prefixes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--bin", default="build/dev")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--least", type=int, default=19)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--kv-type", default="f16", choices=["f16", "f32"])
    parser.add_argument("--demo", action="store_true", help="ask questions in the demo model's format instead of random words")
    parser.add_argument("--peer-args", default="", help="more arguments of llama-server, e.g. '-fa off': its flash attention rounds to float16")
    args = parser.parse_args()
    if "INFERD_PEER" not in os.environ:
        parser.error("INFERD_PEER is not set")
    good = True
    for file in args.files:
        with tempfile.TemporaryDirectory() as folder:
            same, prefixes = compare(args, file.resolve(), pathlib.Path(folder))
        good &= same >= args.least
        print(f"{file.name}: {same} of {args.prompts} the same over {args.tokens} tokens" + (f"; the others up to {', '.join(prefixes)}" if prefixes else ""), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
