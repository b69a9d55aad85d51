"""Where networks run and in which numbers, from words to torch's own."""

from __future__ import annotations

import torch

from ..errors import InputError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
TENSOR_CORES = 8  # CUDA compute capability from which on float16 is what networks run in


def choose(device: str = "auto", dtype: str = "auto") -> tuple[torch.device, torch.dtype]:
    """A device and the numbers for it.

    device: torch's name, or auto: CUDA, else Apple's GPU, else the CPU.
    dtype: a name, or auto: float16 on CUDA devices of capability 8 and up, else float32.
    Raises InputError for a device that is not there.
    """
    chosen = _device(device)
    if dtype != "auto":
        if dtype not in DTYPES:
            raise InputError(f"{dtype!r} are no numbers. Use {', '.join(DTYPES)}.")
        return chosen, DTYPES[dtype]
    if chosen.type == "cuda" and torch.cuda.get_device_capability(chosen)[0] >= TENSOR_CORES:
        return chosen, torch.float16
    return chosen, torch.float32


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0][:120]
        raise InputError(f"There is no device {name!r} here ({reason}). Use cpu.") from e
    return device
