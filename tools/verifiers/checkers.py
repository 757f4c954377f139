"""The original checkers' side of `npm run bench:verifiers`: reads the path of a JSON-lines file of {id, kwargs, response} as its
argument, then answers every line of its input with one pass over the file, strict and loose as the reference evaluates."""
import json
import logging
import os
import resource
import sys

logging.disable(logging.CRITICAL)

import langdetect
import nltk

nltk.download = lambda *args, **kwargs: True  # what is installed is used; nothing is fetched while time is taken
from ifbench import instructions_registry

langdetect.DetectorFactory.seed = 0


def variants(response):
    lines = response.split("\n")
    cut = ["\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    plain = [response, *cut]
    return plain + [text.replace("*", "") for text in plain]


def judge(row):
    checker = instructions_registry.INSTRUCTION_DICT[row["id"]](row["id"])
    checker.build_description(**row["kwargs"])
    follows = lambda text: bool(text.strip()) and bool(checker.check_following(text))
    return follows(row["response"]), any(follows(text) for text in variants(row["response"]))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    versions = {"python": sys.version.split()[0], "nltk": nltk.__version__}
    print(json.dumps({"ready": versions, "cpu": os.cpu_count()}), flush=True)
    for _ in sys.stdin:
        seconds = {}
        verdicts = []
        for row in rows:
            start = cpu_seconds()
            strict, loose = judge(row)
            seconds[row["id"]] = seconds.get(row["id"], 0) + cpu_seconds() - start
            verdicts.append(2 * strict + loose)
        print(json.dumps({"seconds": seconds, "verdicts": "".join(map(str, verdicts))}), flush=True)


main()
