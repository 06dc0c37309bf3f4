#!/usr/bin/env python3
"""Checks what the compiler does not: the rules that the files of this repository promise each other. Needs no build.

usage: tests/contract/run.py [--only REGEX]
"""
import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import runner  # noqa: E402

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="REGEX", help="run only tests whose file.function matches")
    sys.exit(runner.run(runner.discover(HERE, parser.parse_args().only)))
