"""What a file is by its first bytes: kinds that are not read here, and what to do about them.

Names of files say nothing: phones give HEIC photos the name ``.jpg``. Where a kind is named here
no reader tries the file; what other readers would find in it is a tile, a thumbnail or noise.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

HEAD_BYTES = 4096  # of a file that are enough to tell

# ISO/IEC 23008-12 (HEIF), its brands: coded with HEVC, AVC, VVC, EVC, JPEG, or not said
_HEIF = frozenset(
    b"heic heix hevc hevx heim heis hevm hevs mif1 mif2 mif3 msf1 miaf MiHE avci avcs vvic vvis "
    b"evbi evbs jpeg jpgs unif".split()
)
_AVIF = frozenset((b"avif", b"avis"))

_EXPORT = "Export it as PNG or JPEG first"
_RAW = "a raw photo of a camera", "Export it as JPEG or PNG first"
_NAMED = "Name a file that it names, or join them into one first"
_DRAWING = "Draw it into a PNG first: export it as a bitmap, of the size that the video gets"
_STARTS: tuple[tuple[bytes, tuple[str, str]], ...] = (  # regular expressions
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", ("a JPEG XL picture", _EXPORT)),
    (rb"8BPS\0\x02", ("a large Photoshop document (PSB)", _EXPORT)),
    (rb"%PDF-", ("a PDF document", "Export the page as PNG first")),
    (rb"%!PS|\xc5\xd0\xd3\xc6", ("a PostScript drawing", _DRAWING)),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", ("a Windows metafile", _DRAWING)),
    (rb"gimp xcf", ("a GIMP document (XCF)", _EXPORT)),
    (rb"PK.{36}application/x-krita", ("a Krita document", _EXPORT)),
    (rb"PK.{36}image/openraster", ("an OpenRaster document", _EXPORT)),
    (rb"CSFCHUNK", ("a Clip Studio document", _EXPORT)),
    (rb"\0\xffKA", ("an Affinity document", _EXPORT)),
    (rb"AT&TFORM....DJV", ("a DjVu document", "Export the page as PNG first")),
    (rb"II\xbc\x01", ("a JPEG XR picture", _EXPORT)),
    (rb"(?:\xef\xbb\xbf)?#EXTM3U", ("a playlist", _NAMED)),
    (rb"ffconcat version", ("a list of files (ffconcat)", _NAMED)),
    (rb"BPG\xfb", ("a BPG picture", _EXPORT)),
    (rb"FLIF", ("a FLIF picture", _EXPORT)),
    (rb"II\*\0....CR\x02|....ftypcrx |II....HEAPCCDR", _RAW),  # Canon: CR2, CR3, CRW
    (rb"FUJIFILMCCD-RAW", _RAW),
    (rb"IIRO|IIRS|MMOR", _RAW),  # Olympus ORF
    (rb"IIU\0", _RAW),  # Panasonic RW2
    (rb"FOVb", _RAW),  # Sigma X3F
    (rb"\0MRM", _RAW),  # Minolta MRW
    (rb"II\*\0....IIII", _RAW),  # Phase One IIQ
)
_SVG = re.compile(rb"<(?:[a-z]+:)?svg[\s>]", re.IGNORECASE)
_BEFORE_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!doctype|(?:[a-z]+:)?svg)", re.I)


@dataclass(frozen=True)
class Foreign:
    """A kind of file that is not read.   what: with its article.   advice: what to do, a clause."""

    what: str
    advice: str

    def sentence(self, name: str) -> str:
        """For the user."""
        return f"{name} is {self.what}, which cannot be read here. {self.advice}."


RAW = Foreign(*_RAW)
PSD = Foreign("a Photoshop document (PSD) without a flat picture", _EXPORT)
HEIC = Foreign(
    "a HEIC photo",
    "Export it as JPEG (iPhone: Settings, Camera, Formats, Most Compatible), or install the "
    "Python package pillow-heif",
)


def brands(head: bytes) -> tuple[bytes, frozenset[bytes]]:
    """The major and all brands of an ISO media file (ISO/IEC 14496-12); empty for other files."""
    if head[4:8] != b"ftyp":
        return b"", frozenset()
    size = min(struct.unpack_from(">I", head)[0], len(head))
    others = (head[at : at + 4] for at in range(16, size - 3, 4))
    return head[8:12], frozenset((head[8:12], *others))


def is_avif(head: bytes) -> bool:
    """Whether these are the first bytes of an AVIF picture, still or moving."""
    major, every = brands(head)
    return bool(every & _AVIF) and (major in _AVIF or major in _HEIF)


def is_heic(head: bytes) -> bool:
    """Whether these are the first bytes of a HEIF picture other than AVIF."""
    return brands(head)[0] in _HEIF and not is_avif(head)


def foreign(head: bytes) -> Foreign | None:
    """What a file is that starts with ``head``, where no reader here knows it.

    Not HEIC: what is one ``is_heic`` tells, and a package may read it.
    """
    for start, kind in _STARTS:
        if re.match(start, head, re.DOTALL):
            return Foreign(*kind)
    if _is_svg(head):
        return Foreign("an SVG drawing", _DRAWING)
    return None


def _is_svg(head: bytes) -> bool:
    if head[:2] == b"\x1f\x8b":  # .svgz
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode()
    return bool(_BEFORE_SVG.match(head) and _SVG.search(head))
