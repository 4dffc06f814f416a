# SPDX-License-Identifier: Apache-2.0
"""A room includes only what tools/layers.toml permits it, and links only those rooms.

Public headers include only the standard library and <cotter/...>, so that a user of the library needs nothing else.
"""

import re
import tomllib

from repo import ROOT, files, finish, name_of

LAYERS = tomllib.loads((ROOT / "tools/layers.toml").read_text())
PUBLIC = LAYERS.pop("public")
GROUPS = LAYERS.pop("groups")
C_HEADERS = {"stddef.h", "stdint.h"}  # of the C ABI, which has no other names for them
USED = set()  # pairs of a room and a third-party permission that it needs
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def permitted_third_party(room, header):
    for prefix in LAYERS[room]["third_party"]:
        if any(header.startswith(one) for one in GROUPS.get(prefix, [prefix])):
            USED.add((room, prefix))
            return True
    return False


def why_not(room, public, style, header):
    """Why a file of `room` may not include `header`; None when it may."""
    if header.startswith("cotter/"):
        owner = PUBLIC.get(header.removeprefix("cotter/"), "core")
        if owner != room and owner not in LAYERS[room]["uses"]:
            return f"the header is of the room {owner}, which {room} may not use"
        return None
    if style == '"':
        if public:
            return "a public header includes only <std> and <cotter/...>"
        owner = header.split("/")[0]
        if "/" not in header or owner not in LAYERS:
            return 'write "ROOM/FILE.h", from src/'
        if owner != room and owner not in LAYERS[room]["uses"]:
            return f"{room} may not use {owner}: move the code down, or pass in what it needs"
        return None
    if public and style == "<" and header in C_HEADERS:
        return None
    if "/" not in header and "." not in header:
        return LAYERS[room].get("forbidden", {}).get(header)
    if public:
        return "a public header includes only <std> and <cotter/...>"
    if not permitted_third_party(room, header):
        return f"no line of [{room}.third_party] permits it"
    return None


def problems_of_includes():
    for path in [*files(".h", ".cc", under="src"), *files(".h", under="include")]:
        public = name_of(path).startswith("include/")
        room = PUBLIC.get(path.name, "core") if public else path.relative_to(ROOT / "src").parts[0]
        if room not in LAYERS:
            yield 1, f"{name_of(path)}: tools/layers.toml does not know the room {room}"
            continue
        text = path.read_text()
        for found in INCLUDE.finditer(text):
            line = text.count("\n", 0, found.start(2)) + 1
            reason = why_not(room, public, *found.groups())
            yield 1, reason and f"{name_of(path)}:{line}: {found.group(2)} is not for {room}: {reason}"


def problems_of_idle_permissions():
    for room, permissions in LAYERS.items():
        for header in permissions["third_party"]:
            if (room, header) not in USED:
                yield 1, f"tools/layers.toml permits {room} {header}, which it does not include: delete the line"


def problems_of_links():
    for found in re.finditer(r"^cotter_module\((\w+)([^)]*)\)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE):
        room, words = found.group(1), found.group(2).split()
        uses = words[words.index("USES") + 1 :] if "USES" in words else []
        for used in uses[: uses.index("THIRD_PARTY")] if "THIRD_PARTY" in uses else uses:
            if used not in LAYERS.get(room, {}).get("uses", {}):
                yield 1, f"CMakeLists.txt: {room} links {used}, which [{room}.uses] of tools/layers.toml does not permit"


results = [*problems_of_includes(), *problems_of_idle_permissions(), *problems_of_links()]
finish([problem for _, problem in results if problem], sum(count for count, _ in results))
