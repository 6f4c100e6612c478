#!/usr/bin/env python3
"""Compares `tom decide` with the second model on random policies and requests.

    compare.py --tom PATH --seed N --policies P --requests R [--jobs J]
    compare.py --self-check [...]      the model and generator alone: reason coverage and speed

Exit 0: no disagreement and every reason occurred. 1: a disagreement, or a reason that never
occurred. 2: usage. 3: could not compare (the binary did not start).
"""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import generate
import model

REASONS = ["granted", "caller-is-root", "service-exempt", "account-not-governed",
           "clock-implausible", "policy-expired", "no-grant", "key-missing", "key-unknown",
           "person-expired", "key-expired", "wrong-customer", "address-unknown",
           "address-not-allowed", "pin-not-proven"]
# reasons that `tom decide --policy FILE` cannot come to here: firmware-too-old,
# account-unknown, policy-unusable, key-revoked, break-glass-console
PHASES = ["offer", "account", "auth", "session"]
SHOWN = 5


def one_policy(job):
    """(counts, disagreements, seconds of the model, fatal message) of one policy."""
    seed, number, requests, tom, without = job
    rng = random.Random("%s:%d" % (seed, number))
    text = generate.policy_text(rng, without)
    policy = model.load(text)
    lines = [generate.request_line(rng, policy, without) for _ in range(requests)]

    started = time.perf_counter()
    expected = [model.decide_line(policy, line) for line in lines]
    seconds = time.perf_counter() - started

    counts = collections.Counter()
    for line, answer in zip(lines, expected):
        if "error" in answer:
            counts["error"] += 1
        else:
            phase = model.phase_of(json.loads(line))
            counts[phase, answer["verdict"], answer["reason"]] += 1
            if answer.get("line") is not None:
                counts["line"] += 1
    if tom is None:
        return counts, [], seconds, None

    # "blank lines are skipped"
    stream = "".join(line + "\n" + ("\n" if rng.random() < 0.05 else "") for line in lines)
    handle, path = tempfile.mkstemp(suffix=".toml", prefix="second-model-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            run = subprocess.run([tom, "decide", "--policy", path], input=stream.encode(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            return counts, [], seconds, "%s: %s" % (tom, error)
    finally:
        os.unlink(path)

    wrong = []
    got = run.stdout.decode(errors="replace").splitlines()
    # "Exit 0 however the decisions fall"; "one answer per line, in order"
    if run.returncode != 0 or len(got) != len(lines):
        wrong.append((number, text, "%d requests" % len(lines),
                      "exit 0, %d answers" % len(lines),
                      "exit %d, %d answers, stderr: %s" % (
                          run.returncode, len(got), run.stderr.decode(errors="replace"))))
        return counts, wrong, seconds, None
    for line, answer, said in zip(lines, expected, got):
        if not same(answer, said):
            wrong.append((number, text, line, json.dumps(answer), said))
    return counts, wrong, seconds, None


def same(answer, said):
    try:
        said = json.loads(said)
    except json.JSONDecodeError:
        return False
    if not isinstance(said, dict):
        return False
    # an error is an error, whatever its words
    if "error" in answer:
        return list(said) == ["error"] and isinstance(said["error"], str)
    return said == answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tom", help="the binary")
    parser.add_argument("--self-check", action="store_true", help="without the binary")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--policies", type=int, default=500)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--only", type=int, metavar="N", help="policy number N alone")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--without", default="", metavar="A,B",
                        help="features of the generator to leave out: " + ", ".join(generate.FEATURES))
    options = parser.parse_args()
    if bool(options.tom) == options.self_check:
        parser.error("either --tom PATH or --self-check")
    without = [name for name in options.without.split(",") if name]
    for name in without:
        if name not in generate.FEATURES:
            parser.error("no feature " + name)

    jobs = [(options.seed, n, options.requests, options.tom, without)
            for n in (range(options.policies) if options.only is None else [options.only])]
    started = time.perf_counter()
    counts, wrong, seconds, failures = collections.Counter(), [], 0.0, []
    if options.jobs > 1:
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            results = list(pool.map(one_policy, jobs, chunksize=4))
    else:
        results = map(one_policy, jobs)
    for part, disagreements, took, fatal in results:
        counts += part
        wrong += disagreements
        seconds += took
        if fatal is not None:
            failures.append(fatal)
            break
    if failures:
        print("could not compare: " + failures[0], file=sys.stderr)
        return 3

    total = sum(n for name, n in counts.items() if name != "line")
    if wrong:
        # the first of each kind
        first = {}
        for entry in wrong:
            first.setdefault((brief(entry[3]), brief(entry[4])), entry)
        for number, text, line, answer, said in list(first.values())[:SHOWN]:
            print("==== disagreement, seed %s, policy %d (again: --only %d)" % (
                options.seed, number, number))
            print(text)
            print("request: " + line)
            print("model:   " + answer)
            print("tom:     " + said)
        kinds = collections.Counter()
        for _, _, _, answer, said in wrong:
            kinds[brief(answer) + "  |  tom: " + brief(said)] += 1
        print("==== %d decisions, %d disagreements; kinds:" % (total, len(wrong)))
        for kind, n in kinds.most_common():
            print("%7d  model: %s" % (n, kind))
        return 1

    if options.self_check:
        print("%d decisions by the model alone, nothing compared" % total)
    else:
        print("%d decisions, 0 disagreements" % total)
    missing = table(counts, total)
    print("%.1f s in all, %.1f s in the model (%d decisions/s)" % (
        time.perf_counter() - started, seconds, total / max(seconds, 1e-9)))
    if missing:
        print("never occurred: " + ", ".join(missing))
        return 1
    return 0


def brief(answer):
    try:
        answer = json.loads(answer)
        return "error" if "error" in answer else answer["verdict"] + " " + answer["reason"]
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.split(", stderr:")[0].split()[:4])


def table(counts, total):
    """Prints how often each verdict and reason occurred; returns the reasons that never did."""
    print("%-34s %8s %8s %8s %8s %9s %6s" % ("", *PHASES, "all", "%"))
    missing = []
    rows = {}
    for name, n in counts.items():
        if isinstance(name, tuple):
            phase, verdict, reason = name
            rows.setdefault((verdict, reason), collections.Counter())[phase] += n
    for reason in REASONS:
        if not any(row[1] == reason for row in rows):
            missing.append(reason)
    for verdict, reason in sorted(rows, key=lambda row: REASONS.index(row[1])):
        row = rows[verdict, reason]
        print("%-34s %8d %8d %8d %8d %9d %6.2f" % (
            verdict + " " + reason, *[row[phase] for phase in PHASES], row.total(),
            100 * row.total() / total))
    print("%-34s %44d %6.2f" % ("(malformed request)", counts["error"],
                                100 * counts["error"] / total))
    print("%-34s %8d" % ("(key lines compared)", counts["line"]))
    return missing


if __name__ == "__main__":
    sys.exit(main())
