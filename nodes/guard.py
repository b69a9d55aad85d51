"""Who may ask this pack's routes, and how much: pages of this server, with short questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from . import host

LONGEST = 100_000  # bytes of what a request brings
Handler = Callable[[Any], Awaitable[Any]]


def only_ours(handler: Handler) -> Handler:
    """A handler of requests that refuses those of other servers' pages."""

    async def checked(request: Any) -> Any:
        if is_ours(request.headers):
            return await handler(request)
        from aiohttp import web  # ComfyUI's own

        error = "This comes from a page of another server. Use ComfyUI's own page."
        return web.json_response({"error": error}, status=403)

    return checked


def is_ours(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of this server, or from no page at all.

    Browsers let any page send requests to any server, and only keep the answer from it. ComfyUI
    asks where one comes from only for names of this very machine; where its user has let pages of
    others in, those may ask here too.
    """
    guests, origin = host.let_in(), headers.get("Origin")
    if guests == "*" or (guests and origin == guests.rstrip("/")):
        return True
    site = headers.get("Sec-Fetch-Site")
    if site is not None:  # the browser's own word, which no page can change
        return site in ("same-origin", "none")
    if origin is None:
        return True
    hosts = (headers.get(name, "") for name in ("Host", "X-Forwarded-Host"))
    return urlsplit(origin).netloc.lower() in {one.lower() for one in hosts if one}


async def json_of(request: Any) -> Any:
    """The body of a request; None where it is no JSON, packed, too long, or of unknown length."""
    length, packing = request.content_length or 0, request.headers.get("Content-Encoding")
    if packing is not None or not 0 < length <= LONGEST:
        return None
    try:
        return await request.json()
    except (ValueError, LookupError, RecursionError):  # no JSON, an unknown encoding, too deep
        return None
