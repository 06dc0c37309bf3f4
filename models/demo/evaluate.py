#!/usr/bin/env python3
"""Asks a running server the held-out questions and counts the right answers.

    python3 models/demo/evaluate.py [--url http://127.0.0.1:8080] [--model NAME] [--verbose]

The questions are worded in ways the model was not trained on (phrases.py asserts it); every metric, configuration key,
command and endpoint is asked for. Answers are greedy. What is right is decided by corpus.Judge: of all documented
things, the one that the answer resembles most must be the one asked for, and the answer must hold most of its help.
Exit code 0 when at least 90 % are right, 1 when fewer, 2 when the server cannot be asked. Standard library only.
"""

import argparse
import concurrent.futures
import json
import sys
import urllib.error
import urllib.request

import corpus

GOAL = 0.90


def ask(url, model, question, timeout):
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 160}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def first_model(url, timeout):
    with urllib.request.urlopen(url + "/v1/models", timeout=timeout) as response:
        return json.load(response)["data"][0]["id"]


def main():
    parser = argparse.ArgumentParser(description="Evaluates the demo model on a running server.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="base address of the API (default %(default)s)")
    parser.add_argument("--model", help="model name (default: the first one the server lists)")
    parser.add_argument("--limit", type=int, help="ask only this many questions, spread over all kinds")
    parser.add_argument("--parallel", type=int, default=4, help="requests at a time (default %(default)s)")
    parser.add_argument("--timeout", type=float, default=120, help="seconds per request (default %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="print right answers too")
    args = parser.parse_args()

    data = corpus.Corpus()
    judge = corpus.Judge(data.facts)
    cases = data.held_out()
    if args.limit:
        cases = cases[::max(1, len(cases) // args.limit)][:args.limit]
    result = {}
    try:
        model = args.model or first_model(args.url, args.timeout)
        with concurrent.futures.ThreadPoolExecutor(args.parallel) as pool:
            answers = pool.map(lambda c: ask(args.url, model, c["question"], args.timeout), cases)
            for case, answer in zip(cases, answers):
                good = judge.right(case, answer)
                right, asked = result.get(case["kind"], (0, 0))
                result[case["kind"]] = (right + good, asked + 1)
                if args.verbose or not good:
                    print(f"{'right' if good else 'WRONG'} [{case['kind']}] {case['question']}\n      {answer}")
    except (urllib.error.URLError, OSError, KeyError, IndexError, ValueError) as error:
        print(f"{args.url}: {error}", file=sys.stderr)
        return 2
    for kind, (right, asked) in result.items():
        print(f"{kind}: {right}/{asked}")
    right, asked = (sum(column) for column in zip(*result.values()))
    print(f"total: {right}/{asked} = {right / asked:.3f}")
    return 0 if right >= GOAL * asked else 1


if __name__ == "__main__":
    sys.exit(main())
