"""Where networks run and in which numbers, from words to a device and torch's own."""

from __future__ import annotations

import torch

from ..errors import InputError
from ..machine import Device, Machine, look

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
TENSOR_CORES = 8  # CUDA compute capability from which on float16 is what networks run in


def choose(
    device: str = "auto", dtype: str = "auto", machine: Machine | None = None
) -> tuple[Device, torch.dtype]:
    """A device and the numbers for it.

    device: torch's name, or auto: the CUDA device with the most free memory, else Apple's GPU,
        else the CPU.
    dtype: a name, or auto: float16 on CUDA devices of capability 8 and up, else float32.
    machine: what there is; None = look. Raises InputError for a device that is not there.
    """
    machine = machine or look()
    chosen = _most_free(machine) if device == "auto" else _named(device, machine)
    if dtype != "auto":
        if dtype not in DTYPES:
            raise InputError(f"{dtype!r} are no numbers. Use {', '.join(DTYPES)}.")
        return chosen, DTYPES[dtype]
    name = torch.device(chosen.torch_name)
    if name.type == "cuda" and torch.cuda.get_device_capability(name)[0] >= TENSOR_CORES:
        return chosen, torch.float16
    return chosen, torch.float32


def _most_free(machine: Machine) -> Device:
    for kind in ("cuda", "mps"):
        found = [device for device in machine.devices if device.kind == kind]
        if found:
            return max(found, key=lambda device: device.free)
    return machine.devices[0]


def _named(name: str, machine: Machine) -> Device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0][:120]
        raise InputError(f"There is no device {name!r} here ({reason}). Use cpu.") from e
    return machine.beside(Device(device.type, name, index=device.index)).devices[-1]
