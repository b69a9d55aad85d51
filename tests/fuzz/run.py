"""Fuzz one target: ``python tests/fuzz/run.py TARGET --runs 100000``. Needs atheris.

The fuzzer runs in a process of its own, which is started again where it crashes, hangs, or takes
too much memory. What is found lies in ``--out``: the bytes, and beside them what happened.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SLOW, HANG = 10.0, 60  # seconds: what is noted, what is ended
MEMORY, ADDRESSES = 3000, 10 << 30  # MB that may be in use; bytes of addresses
COUNT = struct.Struct("<Q")


def main() -> int:
    """Run until the executions are done or the time is over; 1 where anything was found."""
    args = _arguments()
    folder = Path(args.out) / args.target
    folder.mkdir(parents=True, exist_ok=True)
    if args.child:
        _fuzz(args.target, folder)
        return 0
    counter = folder / "count"
    counter.write_bytes(COUNT.pack(0))
    _seed(args.target, folder)
    began, deaths = time.monotonic(), 0
    while (left := args.runs - _counted(counter)) > 0:
        seconds = int(args.seconds - (time.monotonic() - began))
        if seconds <= 0:
            break
        deaths += _one_process(args, folder, left, seconds) != 0
    done, took = _counted(counter), time.monotonic() - began
    found = sorted(p.name for p in folder.iterdir() if p.is_file() and p.suffix == ".bin")
    line = {
        "target": args.target, "executions": done, "seconds": round(took),
        "restarts": deaths, "found": found,
    }  # fmt: skip
    with (Path(args.out) / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    print(json.dumps(line))
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("target", help="a name in targets.py")
    p.add_argument("--runs", type=int, default=100_000, help="executions")
    p.add_argument("--seconds", type=int, default=540, help="at most so long")
    default = os.path.join(tempfile.gettempdir(), "imgsync-fuzz")
    p.add_argument("--out", default=default, help="folder for what is found")
    p.add_argument("--seeds", help="a folder of more seeds, such as seeds.py writes")
    p.add_argument("--seed", type=int, default=0, help="of the fuzzer's dice; 0 = another each run")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args, args.rest = p.parse_known_args()
    if args.seeds:
        os.environ["IMGSYNC_FUZZ_SEEDS"] = args.seeds
    return args


def _counted(counter: Path) -> int:
    return COUNT.unpack(counter.read_bytes())[0]


def _seed(target: str, folder: Path) -> None:
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    places = [HERE / "corpus" / target]
    if more := os.environ.get("IMGSYNC_FUZZ_SEEDS"):
        places.append(Path(more) / target)
    for place in places:
        for file in place.iterdir() if place.is_dir() else ():
            shutil.copyfile(file, corpus / file.name)


def _one_process(args: argparse.Namespace, folder: Path, runs: int, seconds: int) -> int:
    """A fuzzing process, until it ends; what killed it is kept. Its exit status."""
    command = [
        sys.executable, __file__, args.target, "--child", "--out", args.out, f"-runs={runs}",
        f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={folder}/killed-", "-max_len=65536", "-print_final_stats=1",
        "-len_control=0", "-detect_leaks=0", "-reload=0", str(folder / "corpus"),
    ]  # fmt: skip
    if args.seed:
        command.append(f"-seed={args.seed}")
    log = folder / "log.txt"
    with log.open("wb") as out:
        code = subprocess.run(command, stdout=out, stderr=out, cwd=ROOT).returncode
    for killed in folder.glob("killed-*"):
        kind, _, digest = killed.name.removeprefix("killed-").partition("-")
        tail = log.read_bytes()[-6000:]
        if kind in ("crash", "timeout", "oom", "slow"):
            (folder / f"{kind}-{digest[:12]}.txt").write_bytes(tail)
            killed.rename(folder / f"{kind}-{digest[:12]}.bin")
        else:
            killed.unlink()
    if code:
        with (folder / "deaths.txt").open("a") as deaths:
            deaths.write(f"{code}\n{log.read_bytes()[-1500:].decode('utf-8', 'replace')}\n")
    return code


def _fuzz(name: str, folder: Path) -> None:
    import atheris

    sys.path.insert(0, str(ROOT))
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["imgsync_core"]):
        from mutate import mutated
        from targets import TARGETS, attempt
    import av
    import torch

    torch.set_num_threads(1)
    av.logging.set_level(None)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    target = TARGETS[name]
    with (folder / "count").open("r+b") as file:
        count = mmap.mmap(file.fileno(), COUNT.size)

    def once(data: bytes) -> None:
        count[:] = COUNT.pack(COUNT.unpack(count[:])[0] + 1)
        began = time.monotonic()
        try:
            attempt(target, data)
        except Exception:  # anything is a finding; the fuzzing goes on
            _keep(folder, data, traceback.format_exc())
        if (took := time.monotonic() - began) > SLOW:
            _keep(folder, data, f"Slow: {took:.0f} s\nslow")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return mutated(data, most, seed, atheris.Mutate)

    rest = [word for word in sys.argv[1:] if word.startswith("-") and "=" in word]
    words = [sys.argv[0], *rest, str(folder / "corpus")]
    atheris.Setup(words, once, custom_mutator=mutate)
    atheris.Fuzz()


def _keep(folder: Path, data: bytes, what: str) -> None:
    """One finding of each kind: the kind is the error and where in our code it came from."""
    lines = what.strip().split("\n")
    ours = [line.strip() for line in lines if "imgsync_core" in line]
    sign = f"{lines[-1].split(':')[0]} {ours[-1] if ours else ''}"
    name = f"error-{hashlib.sha256(sign.encode()).hexdigest()[:12]}"
    path = folder / f"{name}.bin"
    if not path.exists() or len(data) < path.stat().st_size:
        path.write_bytes(data)
        (folder / f"{name}.txt").write_text(what, encoding="utf-8", errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
