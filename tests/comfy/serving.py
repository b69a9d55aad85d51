"""A real ComfyUI with this pack, for tests: IMGSYNC_COMFYUI names its folder.

IMGSYNC_FRONT_END names the `static` folder of a front end to serve instead of ComfyUI's own.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKOUT = os.environ.get("IMGSYNC_COMFYUI", "")
PYTHON = os.environ.get("IMGSYNC_COMFYUI_PYTHON", sys.executable)
FRONT_END = os.environ.get("IMGSYNC_FRONT_END", "")


class Server:
    def __init__(self, url: str, base: Path, pid: int) -> None:
        self.url, self.base, self.pid = url, base, pid

    @property
    def log(self) -> str:
        return (self.base / "log.txt").read_text(errors="replace")

    @property
    def megabytes(self) -> float:
        """Of main memory that the server holds now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1e3

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.loads(answer.read() or "{}")

    def post(self, path: str, value: dict) -> dict:
        body = json.dumps(value).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "{}")

    def start(self, graph: dict) -> str:
        nodes = {k: {"class_type": c, "inputs": i} for k, (c, i) in graph.items()}
        answer = self.post("/prompt", {"prompt": nodes})
        assert not answer.get("node_errors"), answer["node_errors"]
        return answer["prompt_id"]

    def wait(self, prompt_id: str) -> dict:
        for _ in range(1200):
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return entry
            time.sleep(0.05)
        raise TimeoutError(prompt_id)


@contextmanager
def serving(base: Path, *more: str) -> Iterator[Server]:
    """A ComfyUI on the CPU, its folders in `base`, as long as the block lasts.

    more: words of its command line.
    """
    for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base / name).mkdir(exist_ok=True)
    link = base / "custom_nodes" / "imgsync"
    if not link.is_symlink():  # of a server before
        link.symlink_to(ROOT, target_is_directory=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PYTHON, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port),
               "--disable-auto-launch", "--disable-api-nodes", "--base-directory", str(base),
               "--database-url", "sqlite:///:memory:",
               *(["--front-end-root", FRONT_END] if FRONT_END else []), *more]  # fmt: skip
    log = (base / "log.txt").open("wb")
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", base, process.pid)
    try:
        for _ in range(600):
            assert process.poll() is None, (base / "log.txt").read_text()[-3000:]
            try:
                server.get("/system_stats")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        log.close()
