"""Random frames to the judge's wire, random returns and forged replies, for as long as one likes.

    python benchmarks/fuzz.py [TOPIC ...] [--minutes 60] [--seed 0]

A frame is data or garbage, never another exception. A submission whose functions return random
structures has a result with no points in which every check has judged, and the solution, graded
after each hundred, has full marks. What is not so is printed with the seed that repeats it.
"""

import argparse
import contextlib
import random
import socket
import struct
import time
from collections import Counter
from pathlib import Path

import msgpack

from gradus.course import load_course
from gradus.grading.pool import NoResult, Pool
from gradus.jobs import Job
from gradus.mistakes.prepare import prepare
from gradus.sandbox.levels import best_level
from gradus.solution import Solution
from gradus.wire.channel import Channel, Closed, Late
from gradus.wire.frames import Garbage

ROOT = Path(__file__).resolve().parent.parent
BATCH = 100
LIMIT = 1 << 20  # bytes of a message
# Runs in the submission; SEED is put before it.
RETURNS = """
import collections
import fractions
import random
import sys

import numpy
import torch

_rng = random.Random(SEED)
_dtypes = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8,
           torch.bool, torch.complex64, torch.complex128]


def _tensor(like):
    shapes = [tuple(t.shape) for t in like] or [(2, 3)]
    shape = list(_rng.choice(shapes))
    if _rng.random() < 0.4:
        shape = _rng.choice([shape[::-1], shape[1:], [1, *shape], [], [0], [0, 3], [1] * 9,
                             [0, 2_000_000_000], [_rng.randrange(5) for _ in range(3)]])
    made = _rng.choice([torch.zeros, torch.ones, torch.empty])(shape, dtype=_rng.choice(_dtypes))
    with_values = [lambda t: t, lambda t: t * float("nan"), lambda t: t + 1e308, lambda t: -t / 0,
                   lambda t: t.to_sparse(), lambda t: t.to("meta"), lambda t: t.T, torch.Tensor,
                   lambda t: t.expand(1000, 1000, *t.shape), lambda t: t.requires_grad_(),
                   lambda t: t.numpy(), lambda t: t.tolist()]
    return _rng.choice(with_values)(made)


def _odd(like, depth=0):
    kind = _rng.randrange(10 if depth < 4 else 6)
    if kind < 3:
        return _tensor(like)
    if kind < 6:
        return _rng.choice([None, True, -1, 0, 0.0, -0.0, 1.5, 10**400, float("nan"), float("inf"),
                            "", "\\x1b[31m\\ud800", "mean", b"\\0", ..., int, len, object(), 1j,
                            fractions.Fraction(1, 3), numpy.float32(1), range(3), {1, 2},
                            iter([1]), lambda *a: 1, Exception("x"), collections.Counter("ab"),
                            *like])
    size = _rng.randrange(5)
    if kind == 6:
        return [_odd(like, depth + 1) for _ in range(size)]
    if kind == 9:
        keys = ["W1", "b1", "t", "m", "v", "loss", "", 0, None, (1, 2), 1.5]
        return {_rng.choice(keys): _odd(like, depth + 1) for _ in range(size)}
    return tuple(_odd(like, depth + 1) for _ in range(size or 2))


def _returns(*args, **options):
    given = [*args, *options.values()]
    flat = [x for value in given for x in (value.values() if isinstance(value, dict) else
            value if isinstance(value, (list, tuple)) else [value])]
    like = [x for x in flat if isinstance(x, torch.Tensor)]
    if _rng.random() < 0.02:
        _forge(like)
    try:
        return _odd(like)
    except Exception:
        return like
"""


# After it, some submissions forge while they are loaded.
FORGES = """

def _forge(like):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    worker = frame.f_locals["self"]
    kinds = ["value", "raised", "loaded", "read", "callback", "forbidden", "memory", "stale",
             "refused", "not_implemented", "unreadable", "exited"]
    try:
        number = _rng.choice([worker.number] * 4 + [_odd(like)])
        kind = _rng.choice([*kinds, _odd(like)])
        rest = [_odd(like) for _ in range(_rng.randrange(5))]
        worker.channel.send((number, kind, *rest), worker._tame)
    except Exception:
        pass


if SEED % 9 == 0:
    _forge([torch.ones(2)])
"""


def frame(rng):
    """A frame with any header at all, or one that was, in part, something else."""

    def node(depth=0):
        kind = rng.randrange(9 if depth < 5 else 6)
        if kind == 8:
            return {rng.choice(["t", "k", "", "value"]): node(depth + 1) for _ in range(2)}
        if kind > 5:
            return [node(depth + 1) for _ in range(rng.randrange(6))]
        words = ["tensor", "handle", "value", "float64", "call", ""]
        numbers = [-1, 0, 1, 8, 2**31, 2**63 - 1, -(2**63)]
        return [None, True, rng.choice(numbers), rng.random(), rng.choice(words), b"ab"][kind]

    header = msgpack.packb(node())
    size = rng.choice([len(header), len(header) + 1, 0, rng.randrange(2**32)])
    body = rng.randbytes(rng.randrange(64))
    data = bytearray(struct.pack("<IQ", size, rng.choice([len(body), 0, 2**40])) + header + body)
    for _ in range(rng.choice([0, 0, 1, 3])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def send_frames(rng, count):
    """How many of random frames were data; raises what should not be raised."""
    data = 0
    for _ in range(count):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(frame(rng))
            theirs.close()
            with contextlib.suppress(Garbage, Closed, Late):
                Channel(ours, LIMIT).receive(lambda reference: reference)
                data += 1
    return data


def faults(result, right):
    """What is wrong with the result of the solution, or of a submission that returns anything."""
    if isinstance(result, NoResult):
        return [f"no result: {result.reason.splitlines()[-1]}"]
    if right:
        return [] if result.score == result.max_score else ["loses points"]
    found = [f"{c.name} gave {c.points:g} points" for c in result.checks if c.points]
    return found + [f"{c.name}: {c.message}" for c in result.checks if "not judge" in c.message]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    course = load_course(ROOT / "course.yaml")
    topics = course.select(options.topics)
    end = time.monotonic() + 60 * options.minutes
    seed, counts = options.seed, Counter()
    while time.monotonic() < end:
        topic = topics[seed // BATCH % len(topics)]
        # What waits for an answer to a forged reply waits ten times as long.
        limits = topic.limits.model_copy(update={"check_seconds": 1.0, "submission_seconds": 4.0})
        topic = topic.model_copy(update={"limits": limits})
        counts["frames"] += 100 * BATCH
        counts["frames that were data"] += send_frames(random.Random(seed), 100 * BATCH)
        solution = Solution.read(course.solution(topic))
        prepare(course, topic, "fuzz")
        jobs = []
        for n in range(seed, seed + BATCH):
            text = {
                f: f"def {f}(*args, **options):\n    return _returns(*args, **options)"
                for f in solution.parts()
            }
            source = f"SEED = {n}\n{RETURNS}{FORGES}\n" + solution.replaced(text, above=[])
            jobs.append(Job(str(n), f"{topic.id}.py", source.encode()))
        jobs.append(Job("solution", f"{topic.id}.py", solution.text.encode()))
        pool = Pool(topic, course.test_file(topic), judges=1, level=best_level(), salt="fuzz")
        with contextlib.closing(pool):
            for job, result in pool.run(jobs):
                counts["submissions"] += 1
                found = faults(result, job.submission == "solution")
                counts["checks"] += len(getattr(result, "checks", ()))
                counts["faults"] += len(found)
                for text in found[:5]:
                    print(f"{topic.id} {job.submission}: {text}", flush=True)
        seed += BATCH
        print(f"{topic.id}: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()
