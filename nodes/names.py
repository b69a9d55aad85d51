"""Dates in the names of files, as ComfyUI's front end has them."""

from __future__ import annotations

import re
import time

_DATE = re.compile("%date:([^%]*)%")
_TOKEN = re.compile("yyyy|yy|MM?|dd?|hh?|mm?|ss?")


def dated(prefix: str) -> str:
    """A prefix with its ``%date:yyyy-MM-dd hh.mm.ss%`` filled in, as the front end does it.

    The front end sees only what is typed into a widget, no prefix that comes through a link.
    """
    now = time.localtime()
    values = {"y": now.tm_year, "M": now.tm_mon, "d": now.tm_mday}
    values |= {"h": now.tm_hour, "m": now.tm_min, "s": now.tm_sec}

    def part(token: re.Match[str]) -> str:
        text = str(values[token[0][0]]).zfill(len(token[0]))
        return text[-2:] if token[0] == "yy" else text

    return _DATE.sub(lambda date: _TOKEN.sub(part, date[1]), prefix)
