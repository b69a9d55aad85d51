"""Write small valid files of every kind to start from: ``python tests/fuzz/seeds.py FOLDER``.

Needs ffmpeg for those of media. A kind that this ffmpeg cannot write is left out.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import subprocess
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save as safetensors

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from imgsync_core.batch.results import Record, Results  # noqa: E402
from imgsync_core.engines.built_in.pose import COLUMNS  # noqa: E402
from imgsync_core.face.geometry import average  # noqa: E402
from imgsync_core.face.points import as_points  # noqa: E402
from imgsync_core.models.verify import known  # noqa: E402
from imgsync_core.nn.wav2vec2 import Wav2Vec2, Wav2Vec2Params  # noqa: E402
from imgsync_core.nn.whisper import WhisperEncoder, WhisperParams  # noqa: E402
from imgsync_core.spool.packing import Packer  # noqa: E402

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=32x24:r=10:d=0.4")
TONE = ("-f", "lavfi", "-i", "sine=440:r=8000:d=0.25")
VOICE = ("-f", "lavfi", "-i", "sine=440:r=44100:d=0.15")
SOUNDS = {
    "wav": ("-c:a", "pcm_s16le"), "f32.wav": ("-c:a", "pcm_f32le"),
    "s24.wav": ("-c:a", "pcm_s24le"),
    "adpcm.wav": ("-c:a", "adpcm_ms"), "mulaw.au": (), "aiff": (), "caf": (), "w64": (), "flac": (),
    "mp3": (), "mp2": (), "m4a": (), "aac": (), "ogg": ("-c:a", "libvorbis"), "opus": (),
    "mka": ("-c:a", "libopus", "-ar", "48000"), "ac3": (), "wma": (), "tta": (), "wv": (),
    "amr": ("-ar", "8000", "-ac", "1"), "webm": ("-c:a", "libopus", "-ar", "48000"),
    "wide.wav": ("-ac", "6", "-c:a", "pcm_s16le"), "avi": ("-c:a", "mp3"), "flv": (), "voc": (),
    "ts": ("-c:a", "aac"), "spx": ("-c:a", "libspeex"), "mpc.mov": ("-c:a", "alac"),
}  # fmt: skip
VIDEOS = {
    "mp4": (), "h265.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none"),
    "av1.mp4": ("-c:v", "libaom-av1", "-cpu-used", "8"), "mov": ("-c:v", "prores_ks"),
    "mkv": (), "ffv1.mkv": ("-c:v", "ffv1"), "webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"),
    "vp8.webm": ("-c:v", "libvpx"), "avi": ("-c:v", "mpeg4", "-bf", "1"),
    "mjpeg.avi": ("-c:v", "mjpeg"), "ts": ("-c:v", "mpeg2video"), "h264.ts": (), "mpg": (),
    "flv": (), "wmv": (), "ogv": (), "gif": (), "3gp": ("-s", "176x144"), "h264": (), "y4m": (),
    "m4v": (), "mxf": ("-c:v", "mpeg2video", "-r", "25"), "nut": ("-c:v", "huffyuv"),
    "theora.mkv": ("-c:v", "libtheora"), "png.mov": ("-c:v", "png"), "frag.mp4": (
        "-movflags", "frag_keyframe+empty_moov"
    ),
}  # fmt: skip


def main() -> None:
    """Write them into the folder that the command line names."""
    out = Path(sys.argv[1])
    texts = (faces, words, curves, tables, spools, graphs, answers)
    for make in (*texts, headers, weights, networks, pictures, media):
        make(out)


def put(out: Path, target: str, name: str, data: bytes | str) -> None:
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def faces(out: Path) -> None:
    face = average(np.array(((30, 50), (66, 50)), float), "test", 0.9)
    put(out, "face_json", "face", face.to_json())
    points = as_points(face)
    said = {"version": 1, "size": [96, 128], "face": [40, 60], "points": {**points, "inner": 2}}
    put(out, "face_points", "all", json.dumps(said))
    mouth = {"mouth_left": [30, 80], "mouth_right": [60, 80]}
    put(out, "face_points", "mouth", json.dumps({"version": 1, "face": 0, "points": mouth}))
    eyes = {"left_eye": [30, 40], "right_eye": [60, 44], "chin": [50, 110]}
    put(out, "face_points", "eyes", json.dumps({"version": 1, "points": {**mouth, **eyes}}))


def words(out: Path) -> None:
    texts = (
        "1", "320,200", "#20a0ff", "rgb(1,2,3)", "hsl(120,50%,50%)", "0.1,0.1,0.8,0.8",
        "30000/1001", "29.97", "4k+1", "17k+5", "2.5", "1e3", "3/7",
    )  # fmt: skip
    for kind in range(6):
        for i, text in enumerate(texts):
            put(out, "words", f"{kind}-{i}", bytes([kind]) + text.encode())


def curves(out: Path) -> None:
    table = {"t": np.arange(4) / 50}
    table |= {name: np.linspace(0, 1, 4) for name in (*COLUMNS, "width")}
    rows = zip(*table.values(), strict=True)
    lines = [",".join(table), *(",".join(f"{v:.3f}" for v in row) for row in rows)]
    put(out, "curves_csv", "all", "\n".join(lines))
    put(out, "curves_csv", "few", "t;open\n0;0.5\n0.02;1\n")
    put(out, "curves_csv", "tabs", 't\topen\tclose\r\n0\t"0.5"\t0\r\n0.02\t1\t1\r\n')
    few = {name: table[name] for name in ("t", "open", "close", "width")}
    for name, write, kept in (("all", np.savez, table), ("few", np.savez_compressed, few)):
        file = io.BytesIO()
        write(file, **kept)
        put(out, "curves_npz", name, file.getvalue())


def tables(out: Path) -> None:
    put(out, "table", "plain", 'picture,audio\na.png,a.wav\nb.png,"b,c.wav"\n')
    many = "sep=;\r\nPicture;Sound;Output;Engine;FPS;Size\r\na.png;a.wav;x;built-in;25;64x64\r\n"
    put(out, "table", "many", "\ufeff" + many)
    put(
        out,
        "table",
        "tabs",
        "image\tseconds\tmode\tpreset\na.png\t2.5\tloop\twebm\n".encode("utf-16"),
    )
    objects = (
        {"picture": "a.png", "audio": "a.wav", "engine": "built-in", "lively": True, "crf": 20},
        {"picture": "s3://a/b.png", "frames": 5, "background": "#102030", "loudness": -20.0},
    )
    put(out, "table", "objects", "\n".join(map(json.dumps, objects)))
    record = Record(2, "a.png", "a.wav", "a.mp4", "made", frames=5, seconds=0.2, fps="25", bytes=9)
    for kind, ending in enumerate((".csv", ".jsonl")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"x{ending}"
            with Results(path) as results:
                results.finish([record, replace(record, row=3, output="b.mp4", error="a, b")])
            put(out, "results", f"two{ending}", bytes([kind]) + path.read_bytes())


def spools(out: Path) -> None:
    about = {"picture": "a.png", "audio": None, "words": ["animate"], "folder": "x", "output": "y"}
    manifest = {"engine": "some", "frames": 2, "about": about}
    put(out, "spool", "manifest", b"\4" + json.dumps(manifest).encode())
    packer = Packer()
    packer.add(np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3))
    put(out, "spool", "frames", b"\5\0\0" + b"".join(packer.packed()))
    put(out, "spool", "one", b"\5\0\0" + zlib.compress(bytes(4 * 6 * 3)))
    put(out, "spool", "state", b"\6x")
    put(out, "spool", "torn", b"\0" + json.dumps(manifest).encode())
    put(out, "spool", "hashes", b"\7" + json.dumps({"a": [[1, 2], "b"]}).encode())


def headers(out: Path) -> None:
    riff = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"
    put(out, "headers", "riff", riff + b"\4\0\0\0\1\0\2\0")
    large = b"ds64" + b"\x1c\0\0\0" + bytes(28)
    put(out, "headers", "rf64", b"RF64\xff\xff\xff\xffWAVE" + large + riff[12:] + b"\xff" * 4)
    cool = b"\1\0\1\0\x40\x1f\0\0\0\x7d\0\0\4\0\x18\0data\x08\0\0\0"
    put(out, "headers", "cool", riff[:20] + cool + np.float32([1e5, 2e5]).tobytes())
    xing = b"\xff\xfb\x90\x00" + bytes(32) + b"Xing\0\0\0\1\0\0\0\x30"
    put(out, "headers", "xing", xing)
    put(out, "headers", "id3", b"ID3\4\0\0\0\0\0\4abcd" + xing)
    put(out, "headers", "mp4", b"vmhd" + bytes(20) + b"stsd" + bytes(12) + b"avc1")
    put(out, "headers", "mkv", b"\x86\x8fV_MPEG4/ISO/AVC")
    put(out, "headers", "avi", b"strh\x38\0\0\0vidsXVID")
    put(out, "headers", "heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    put(out, "headers", "svg", b"<?xml version='1.0'?><!-- x --><svg width='1'>")
    put(out, "headers", "svgz", gzip.compress(b"<svg xmlns='x'></svg>"))
    put(out, "headers", "exr", b"v/1\x01\2\0\0\0displayWindow\0box2i\0\x10\0\0\0" + bytes(16))
    put(out, "headers", "hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 4\n")
    for name, data in _tiffs().items():
        put(out, "tiff", name, data)
        put(out, "picture", name, data)
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    for mode in ("RGB", "L", "P", "1", "RGBA", "I;16"):
        image = Image.fromarray(noise[..., 0].astype(np.uint16)) if mode == "I;16" else None
        image = image or Image.fromarray(noise).convert(mode)
        data = _saved(image, "PNG")
        put(out, "mending", f"{mode.replace(';', '')}.png", data[: len(data) * 2 // 3])
    data = _saved(Image.fromarray(noise).resize((64, 64)), "JPEG")
    put(out, "mending", "cut.jpg", data[: len(data) * 3 // 4])
    put(out, "mending", "end.jpg", data[:-2])


def _tiffs() -> dict[str, bytes]:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    made = {"little.tif": _saved(image, "TIFF")}
    file = io.BytesIO()
    image.save(file, "TIFF", save_all=True, append_images=[image.resize((16, 12))])
    made["pages.tif"] = file.getvalue()
    made["lzw.tif"] = _saved(image.convert("RGB"), "TIFF", compression="tiff_lzw")
    return made


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def weights(out: Path) -> None:
    tensors = {
        "a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2, dtype=torch.float16),
        "b": torch.tensor([1, 2]),
    }  # fmt: skip
    put(out, "weights", "a.safetensors", safetensors(tensors, {"format": "pt"}))
    for name, content, new in (
        ("plain.pt", tensors, True),
        ("old.pt", tensors, False),
        ("wrapped.pt", {"state_dict": tensors, "dims": {"n": 3}, "epoch": 7}, True),
        ("wrapped_old.pt", {"dims": {"n": 3}, "model_state_dict": tensors}, False),
    ):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=new)
        put(out, "weights", name, file.getvalue())
    put(out, "weights", "pickle", pickle.dumps({"model": {"a": 1}, "x": [1, 2]}))
    put(out, "weights", "page", "<!DOCTYPE html><html>")
    for i, listed in enumerate(list(known().values())[:2]):
        few = {key: torch.zeros(0) for key in list(listed)[:4]}
        put(out, "manifest", f"few{i}.safetensors", safetensors(few))
    put(out, "manifest", "a.safetensors", safetensors(tensors))


def networks(out: Path) -> None:
    """Networks as small as they can be: their numbers of heads and groups leave no trace."""
    hears = WhisperEncoder(WhisperParams(mels=2, context=3, width=4, heads=1, layers=1))
    listens = Wav2Vec2(Wav2Vec2Params(((4, 10, 5),), width=16, heads=1, layers=1, inner=4,
                                      positions=(2, 16)))  # fmt: skip
    for kind, name, network in ((0, "whisper", hears), (2, "wav2vec2", listens)):
        state = {_published(k): torch.zeros_like(v) for k, v in network.state_dict().items()}
        data = safetensors({k: v.clone().contiguous() for k, v in state.items()})
        put(out, "networks", name, bytes([kind]) + data)
        file = io.BytesIO()
        torch.save({"dims": {"n_audio_head": 2}, "model_state_dict": state}, file)
        put(out, "networks", f"{name}.pt", bytes([kind]) + file.getvalue())


def _published(key: str) -> str:
    """A key as published files have it."""
    for ours, theirs in (
        ("encoder.feature_projection.", "feature_projection."),
        ("encoder.transformer.", "encoder."),
        ("parametrizations.weight.original0", "weight_g"),
        ("parametrizations.weight.original1", "weight_v"),
    ):
        key = key.replace(ours, theirs)
    return key


def graphs(out: Path) -> None:
    node = {"class_type": "ImgSyncLoadPortrait", "inputs": {"image": "a.png", "face_points": ""}}
    put(out, "metadata", "prompt", json.dumps({"1": node, "2": {"inputs": {"x": ["1", 0]}}}))
    put(out, "metadata", "text", json.dumps("only text \u4e2d"))
    put(out, "metadata", "workflow", json.dumps({"nodes": [{"id": 1, "widgets_values": [1.5]}]}))


def answers(out: Path) -> None:
    head = b'Content-Length: 4\nETag: "abc"\nContent-Range: bytes 4-7/8\nX-Linked-Etag: "'
    for kind in range(4):
        put(out, "answer", str(kind), bytes([kind]) + head + b"0" * 64 + b'"\n\nbody')
    put(out, "answer", "gone", b"\2Content-Range: bytes */4\n\n")


def pictures(out: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8))
    smooth = Image.linear_gradient("L").resize((20, 20))
    exif = Image.Exif()
    exif[0x112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", json.dumps({"nodes": []}))
    text.add_text("prompt", json.dumps({"1": {}}), zip=True)
    made = {
        "a.png": _saved(noise, "PNG", pnginfo=text), "grey.png": _saved(smooth, "PNG"),
        "deep.png": _saved(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)), "PNG"),
        "palette.png": _saved(noise.convert("P"), "PNG", transparency=3),
        "key.png": _saved(smooth, "PNG", transparency=7),
        "alpha.png": _saved(noise.convert("RGBA"), "PNG"), "a.jpg": _saved(noise, "JPEG"),
        "turned.jpg": _saved(noise, "JPEG", exif=exif, progressive=True),
        "cmyk.jpg": _saved(noise.convert("CMYK"), "JPEG"), "a.webp": _saved(noise, "WEBP"),
        "lossless.webp": _saved(noise.convert("RGBA"), "WEBP", lossless=True),
        "a.bmp": _saved(noise, "BMP"), "a.gif": _saved(noise, "GIF"), "a.tga": _saved(noise, "TGA"),
        "a.ppm": _saved(noise, "PPM"), "a.pcx": _saved(noise, "PCX"), "a.sgi": _saved(noise, "SGI"),
        "a.ico": _saved(noise, "ICO", sizes=[(12, 12)]), "a.jp2": _saved(noise, "JPEG2000"),
        "float.tif": _saved(smooth.convert("F").point(lambda v: v / 255), "TIFF"),
        "a.im": _saved(noise, "IM"), "a.avif": _saved(noise, "AVIF"),
        "lab.tif": _saved(noise.convert("LAB"), "TIFF"),
        "a.xbm": _saved(smooth.convert("1"), "XBM"),
        "a.qoi": b"qoif" + (2).to_bytes(4, "big") * 2 + b"\3\0"
        + b"\xfe\1\2\3" * 4 + b"\0" * 7 + b"\1",
    }  # fmt: skip
    frames = [noise, noise.rotate(90, expand=True).resize(noise.size), noise.convert("L")]
    for kind in ("GIF", "PNG", "WEBP", "AVIF"):
        many = {"save_all": True, "append_images": frames[1:2], "duration": [40, 70]}
        made[f"moving.{kind.lower()}"] = _saved(noise, kind, **many)
    for name, data in made.items():
        put(out, "picture", name, data)
    for name in ("a.png", "a.jpg", "moving.gif", "a.webp"):
        put(out, "source", name, made[name])
    put(out, "probe", "moving.webp", made["moving.webp"])
    for name, kind in (("a.exr", "exr"), ("a.hdr", "hdr")):
        if data := _ffmpeg(PICTURE, ("-frames:v", "1"), kind):
            put(out, "picture", name, data)
    put(out, "picture", "icc.png", _saved(noise, "PNG", icc_profile=_profile()))


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def media(out: Path) -> None:
    for name, how in SOUNDS.items():
        if data := _ffmpeg(VOICE if name in ("flv", "mp2") else TONE, how, name):
            put(out, "sound", name, data)
            put(out, "probe", name, data)
    for name, how in VIDEOS.items():
        data = _ffmpeg(PICTURE, (*how, "-an"), name)
        if data and len(data) < 60_000:
            put(out, "video", name, data)
            put(out, "probe", f"video.{name}", data)
    both = _ffmpeg((*PICTURE, *TONE), ("-c:a", "aac"), "mp4")
    for target in ("sound", "video", "probe", "source"):
        put(out, target, "both.mp4", both)
    script = "ffconcat version 1.0\nfile x\n"
    listed = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\nx\n#EXT-X-ENDLIST\n"
    for target in ("sound", "video", "probe"):
        put(out, target, "concat", script)
        put(out, target, "playlist", listed)


def _ffmpeg(source: tuple[str, ...], how: tuple[str, ...], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{name.rpartition('.')[2]}"
        command = ["ffmpeg", "-v", "quiet", "-y", *source, *how, "-fflags", "+bitexact", str(path)]
        subprocess.run(command, check=False)
        return path.read_bytes() if path.is_file() else b""


if __name__ == "__main__":
    main()
