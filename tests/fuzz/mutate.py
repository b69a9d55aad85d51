"""Changes that keep a file's frame whole, so that what is inside of it is reached.

Each takes bytes, a random generator and ``bend``, which changes bytes blindly, and gives bytes, or
None where the file is not of its kind.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

Bend = Callable[[bytes], bytes]
_ODD = (
    0, 1, -1, 2, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**400, 1e308, 1e-308, -0.0,
    float("nan"), float("inf"), True, None, "", "\0", "\ud800", "../x", "C:\\x", "1e999999999",
    "9" * 5000, [], {}, [[]], {"": 0}, 0.5, 1e9,
)  # fmt: skip


def _twisted(value: object, dice: random.Random, depth: int = 0) -> object:
    """A JSON value with one part replaced, left out, doubled or wrapped."""
    inside = isinstance(value, (list, dict)) and value and dice.random() < 0.85 and depth < 50
    if inside and isinstance(value, list):
        at = dice.randrange(len(value))
        how = dice.random()
        if how < 0.1:
            return value[:at] + value[at + 1 :]
        if how < 0.2:
            return [*value, value[at]]
        return [*value[:at], _twisted(value[at], dice, depth + 1), *value[at + 1 :]]
    if inside and isinstance(value, dict):
        key = dice.choice(list(value))
        how = dice.random()
        if how < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if how < 0.15:
            return {**value, str(dice.choice(_ODD))[:50]: value[key]}
        return {**value, key: _twisted(value[key], dice, depth + 1)}
    if isinstance(value, (int, float)) and not isinstance(value, bool) and dice.random() < 0.5:
        return value + dice.choice((-1, 1, -1000, 10**6))
    if dice.random() < 0.05:
        return json.loads("[" * 400 + "]" * 400)
    return dice.choice(_ODD)


def in_json(data: bytes, dice: random.Random, bend: Bend) -> bytes | None:
    """One value of a JSON text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return json.dumps(_twisted(value, dice)).encode()


def in_safetensors(data: bytes, dice: random.Random, bend: Bend) -> bytes | None:
    """The header of a safetensors file; its length stays right."""
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= len(data) - 8:
        return None
    head = in_json(data[8 : 8 + size], dice, bend)
    if head is None:
        return None
    return struct.pack("<Q", len(head)) + head + data[8 + size :]


def in_zip(data: bytes, dice: random.Random, bend: Bend) -> bytes | None:
    """One member of an archive; checksums stay right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, ArithmeticError, OSError, RuntimeError, EOFError):
        return None
    except (NotImplementedError, zlib.error):
        return None
    if not members:
        return None
    chosen, made = dice.randrange(len(members)), io.BytesIO()
    packed = zipfile.ZIP_DEFLATED if dice.random() < 0.2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", packed) as archive:
        for i, (name, body) in enumerate(members):
            if name.isprintable():
                archive.writestr(name, bend(body) if i == chosen else body)
    return made.getvalue()


def in_png(data: bytes, dice: random.Random, bend: Bend) -> bytes | None:
    """One chunk of a PNG, which may also move, go or come twice; checksums stay right."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    chunks, at = [], 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        chunks.append((name, data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return None
    i, how = dice.randrange(len(chunks)), dice.random()
    if how < 0.1:
        chunks.append(chunks[i])
    elif how < 0.2:
        chunks.insert(dice.randrange(len(chunks)), chunks.pop(i))
    elif how < 0.3:
        chunks.pop(i)
    elif chunks[i][0] == b"IDAT" and dice.random() < 0.5:
        try:
            raw = zlib.decompressobj().decompress(chunks[i][1], 1 << 16)
        except zlib.error:
            return None
        chunks[i] = b"IDAT", zlib.compress(bend(raw), 1)
    else:
        chunks[i] = chunks[i][0], bend(chunks[i][1])
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def in_numbers(data: bytes, dice: random.Random, bend: Bend) -> bytes | None:
    """One field of 1 to 8 bytes set to a number at a limit: sizes, counts, times."""
    if not data:
        return None
    width = dice.choice((1, 2, 4, 8))
    most = 1 << 8 * width
    value = dice.choice((0, 1, most - 1, most // 2, most // 2 - 1, most // 4, most // 256, 7))
    at = dice.randrange(len(data))
    order = dice.choice(("little", "big"))
    return data[:at] + value.to_bytes(width, order) + data[at + width :]  # type: ignore[arg-type]


KINDS = (in_json, in_safetensors, in_zip, in_png, in_numbers)


def mutated(data: bytes, most: int, seed: int, bend: Callable[[bytes, int], bytes]) -> bytes:
    """``data`` changed within its frame, or blindly; at most ``most`` bytes.

    bend(data, most) changes bytes blindly, as the fuzzer does it itself.
    """
    dice = random.Random(seed)
    if dice.random() < 0.5:
        ways = list(KINDS)
        dice.shuffle(ways)
        for way in ways:
            made = way(data, dice, lambda part: bend(part, max(len(part) + 64, 128)))
            if made is not None and len(made) <= most:
                return made
    return bend(data, most)
