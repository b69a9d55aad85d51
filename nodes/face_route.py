"""GET /imgsync/faces: what the editor in the browser asks about a picture. Changes nothing.

``?image=NAME&points=JSON`` with the values of Load Portrait's widgets; the answer is JSON::

    {"stamp": "...", "size": [width, height],
     "faces": [{"box": [x, y, width, height], "points": {...}, "doubt": ""}, ...], largest first
     "blank": {...},               points of a face where one may be
     "placed": {...} or null,      points of the face that the JSON makes
     "doubt": "",                  why it may be wrong
     "error": ""}                  why it makes none

A picture is read only where the browser does not know it yet (ETag), one at a time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ..imgsync_core.errors import FaceError, ImgSyncError
from ..imgsync_core.face.doubt import doubt
from ..imgsync_core.face.find import find_faces
from ..imgsync_core.face.guess import guessed
from ..imgsync_core.face.points import as_points, parse_points
from ..imgsync_core.media.picture import load_picture
from . import guard, host

LONGEST = 1000  # characters of a name
MOST = 32  # faces told of
GONE = "There is no such picture. Upload it again."


def register() -> None:
    """Add the route, if there is a server."""
    routes = host.routes()
    if routes is None:
        return
    from aiohttp import web  # ComfyUI's own; not there without its server

    one_at_a_time = asyncio.Lock()

    @routes.get("/imgsync/faces")
    @guard.only_ours
    async def faces(request: Any) -> Any:
        image, points = (request.query.get(name, "") for name in ("image", "points"))
        try:
            path = picture_path(image)
            tag = f'"{host.stamp(path)}"'
            head = {"ETag": tag, "Cache-Control": "no-cache"}
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304, headers=head)
            async with one_at_a_time:
                found = await asyncio.to_thread(faces_in, path, points)
            return web.json_response(found, headers=head)
        except OSError:  # whose own words name folders of this machine
            return web.json_response({"error": GONE}, status=404)
        except (ImgSyncError, ValueError) as e:
            return web.json_response({"error": str(e)}, status=400)


def picture_path(image: str) -> Path:
    """The file of a widget's value. Raises InputError or ValueError outside ComfyUI's folders,
    OSError where there is none."""
    if len(image) > LONGEST:
        raise ValueError("The name of the picture is too long.")
    path = host.input_path(image)
    if not image or not path.is_file():
        raise FileNotFoundError(image)
    return path


def faces_in(path: Path, points: str) -> dict[str, Any]:
    """What the route answers; slow: it reads the picture and looks for faces."""
    picture = load_picture(path)
    rgb = picture.over((0, 0, 0))
    found = find_faces(rgb)
    answer: dict[str, Any] = {
        "stamp": host.stamp(path),
        "size": picture.size,
        "faces": [
            {
                "box": [round(v, 2) for v in face.box],
                "points": as_points(face),
                "doubt": doubt(face) or "",
            }
            for face in found[:MOST]
        ],
        "blank": as_points(guessed(rgb)),
        "placed": None,
        "doubt": "",
        "error": "",
    }
    try:
        placed = parse_points(points).face_of(found, picture.size, rgb)
        answer["placed"], answer["doubt"] = as_points(placed), doubt(placed) or ""
    except FaceError as e:
        answer["error"] = str(e)
    return answer
