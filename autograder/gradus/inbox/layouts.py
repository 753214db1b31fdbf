"""What instructors download, recognised by its evidence: who handed in which file, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gradus.course import UsageError, shown
from gradus.inbox.archives import megabytes
from gradus.inbox.found import Found, Unreadable
from gradus.inbox.pieces import File, Piece
from gradus.inbox.plain import is_class, loose
from gradus.results import Person


def recognise(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """The pieces of a known layout, or none; `top` is the name of the download itself.

    A download that was unpacked into a folder of its own is known as well, by that folder's name.
    Raises UsageError for metadata that cannot be read.
    """
    while True:
        for layout in (gradescope, moodle, canvas, nbgrader, github):
            if pieces := layout(files, top, topic):
                return [replace(piece, source=layout.__name__) for piece in pieces]
        tops = {file.names[0] for file in files}
        if len(tops) != 1 or any(len(file.names) < 2 for file in files):
            return []
        (wrapper,) = tops
        if not (is_class(wrapper, top, topic) or _EXPORT.fullmatch(wrapper)):
            return []  # the folder of the only student, who may have handed in what looks like one
        files, top = [File(file.names[1:], file.where, file.time) for file in files], wrapper


_EXPORT = re.compile(r"assignment_\d+_export")  # what Gradescope's is called, and the folder in it


def gradescope(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """submission_metadata.yml, and beside it a folder for each active submission."""
    about = [file for file in files if file.names == ("submission_metadata.yml",)]
    if not about:
        return []
    pieces = []
    for folder, entry in _gradescope_metadata(about[0].where).items():
        at = _time(entry.get("created_at"))
        order = (at.timestamp() if at else 0.0, 0.0)
        people = tuple(_gradescope_people(entry.get("submitters")))
        student = " + ".join(p.email or p.sid or p.name for p in people) or folder
        own = [file for file in files if file.names[0] == folder]
        for file in own:
            names = file.names[1:] or file.names
            pieces.append(Piece(student, names, file, order, at, False, people))
        if not own:
            pieces.append(Piece(student, (), None, order, at, False, people))
    known = {piece.file.names[0] for piece in pieces if piece.file}
    return pieces + loose([f for f in files if f.names[0] not in known], top, topic)


_MOODLE = re.compile(
    r"(?P<who>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_(?P<rest>.*))?", re.DOTALL
)


def moodle(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """Full Name_12345_assignsubmission_file_/mlp.py, or all in one folder, with _ for the /.

    Students choose their files' names, and often their own: a name in which two such numbers stand
    is nobody's but its own, and what fewer than half of the names say decides nothing.
    """
    tops = {file.names[0] for file in files}
    like_this = {top for top in tops if _MOODLE.fullmatch(top)}
    if 2 * len(like_this) <= len(tops) or sum(map(_is_canvas, tops)) >= len(like_this):
        return []
    pieces, rest = [], []
    for file in files:
        match = _MOODLE.fullmatch(file.names[0])
        if match and not _MOODLE.fullmatch(f"x_{match['rest'] or ''}"):
            names = file.names[1:] or (match["rest"] or file.names[0],)
            person = Person(name=match["who"], id=match["id"])
            student = f"{match['who']}_{match['id']}"
            pieces.append(Piece(student, names, file, (0.0, file.time), people=(person,)))
        else:
            rest.append(file)
    return pieces + loose(rest, top, topic)


_CANVAS = re.compile(
    r"(?:(?:(?P<late>LATE)_)?anon_(?P<anon>[A-Za-z0-9]+)|(?P<who>\w*?)(?:_(?P<late2>LATE))?_(?P<id>\d+))"
    r"_(?:(?P<file>\d+)_(?P<rest>.+)|(?P<page>text|link)\.html)",
    re.DOTALL,
)


def _is_canvas(name: str) -> bool:
    return _CANVAS.fullmatch(name) is not None


def canvas(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """nameofstudent_LATE_1234_56789_mlp-2.py: the student's number, the file's, its own name."""
    flat = [file for file in files if len(file.names) == 1]
    matches = [(file, _CANVAS.fullmatch(file.names[0])) for file in flat]
    if 2 * sum(match is not None for _, match in matches) <= len(flat):
        return []
    pieces = []
    for file, match in matches:
        if match is None:
            continue
        student = "_".join(filter(None, (match["who"], match["id"] or f"anon_{match['anon']}")))
        late = bool(match["late"] or match["late2"])
        people = (Person(name=match["who"] or "", id=match["id"] or ""),)
        order = (0.0, float(match["file"] or 0))  # Canvas numbers files as they come in
        names = (match["rest"] or file.names[0],)
        pieces.append(Piece(student, names, file, order, None, late, people))
    matched = {file.names for file, match in matches if match}
    return pieces + loose([f for f in files if f.names not in matched], top, topic)


def nbgrader(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """submitted/STUDENT/ASSIGNMENT/mlp.ipynb, with a timestamp.txt that nbgrader collected."""
    inner = [f for f in files if f.names[0] == "submitted"]
    stamped = {f.names[0] for f in files if f.names[2:] == ("timestamp.txt",)}
    if inner:
        files = [File(f.names[1:], f.where, f.time) for f in inner if len(f.names) > 1]
    elif top != "submitted" and 2 * len(stamped) <= len({f.names[0] for f in files}):
        return []  # one student's timestamp.txt decides nothing for the others
    everything = files
    files = [f for f in files if len(f.names) > 2]
    times = {f.names[:2]: _timestamp(f.where) for f in files if f.names[2:] == ("timestamp.txt",)}
    pieces = []
    for file in files:
        student, assignment, *names = file.names
        if assignment == topic or (len(names) == 1 and PurePath(names[0]).stem == topic):
            at = times.get((student, assignment))
            order = (at.timestamp() if at else 0.0, file.time)
            people = (Person(id=student),)
            pieces.append(Piece(student, tuple(names), file, order, at, False, people))
    in_layout = {f.names[0] for f in files}
    return pieces + loose([f for f in everything if f.names[0] not in in_layout], top, topic)


def github(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """assignment-username/, each a clone with its .git."""
    repositories = {f.names[0] for f in files if len(f.names) > 1 and f.names[1] == ".git"}
    tops = {f.names[0] for f in files if len(f.names) > 1}
    if 2 * len(repositories) <= len(tops):
        return []
    # `gh classroom clone` calls the folder of all after the assignment, too. What two names have in
    # common says nothing sure: it would change with who else is there.
    sure = [
        f"{name}-" for name in (top.removesuffix("-submissions"), topic, topic.replace("_", "-"))
    ]
    pieces = []
    for file in files:
        if file.names[0] in repositories:
            fitting = (prefix for prefix in sure if file.names[0].startswith(prefix))
            student = file.names[0].removeprefix(next(fitting, "")) or file.names[0]
            pieces.append(Piece(student, file.names[1:], file, people=(Person(id=student),)))
    return pieces + loose([f for f in files if f.names[0] not in repositories], top, topic)


# What tests said in earlier gradings: most of the file, and YAML is slow to read.
_NOT_NEEDED = re.compile(
    rb"^  :(?!submitters:|created_at:)\w+:.*\n(?:(?:   .*|  -.*|[ \t]*)\n)*", re.MULTILINE
)


_MAX_METADATA = 4_000_000  # of what is left: some 10,000 students, and minutes to read


class _AnyTag(SafeConstructor):
    """Ruby's own tags are read as the plain data that they stand on."""

    def plain(self, node: Any) -> Any:
        if isinstance(node, MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, SequenceNode):
            return self.construct_sequence(node, deep=True)
        return node.value if isinstance(node, ScalarNode) else None


_AnyTag.add_constructor(None, _AnyTag.plain)


def _gradescope_metadata(file: Found) -> dict[str, dict[str, Any]]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _AnyTag
    try:
        text = _NOT_NEEDED.sub(b"", file.read_raw() + b"\n")
        if len(text) > _MAX_METADATA:
            raise Unreadable(f"larger than {megabytes(_MAX_METADATA)}")
        data = yaml.load(text)
    except (Unreadable, YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"cannot read {shown(file.path)}: {reason}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{shown(file.path)} is not Gradescope's: download the submissions again")
    return {str(key): _symbols(entry) for key, entry in data.items()}


def _gradescope_people(submitters: Any) -> Iterator[Person]:
    for entry in submitters if isinstance(submitters, list) else []:
        known = _symbols(entry).items()
        person = {key: str(value) for key, value in known if isinstance(value, str | int)}
        yield Person(**{key: person.get(key, "").strip() for key in ("name", "email", "sid")})


def _symbols(entry: Any) -> dict[str, Any]:
    """A mapping with Ruby's symbols (`:name`) as plain keys."""
    pairs = entry.items() if isinstance(entry, dict) else ()
    return {str(key).removeprefix(":"): value for key, value in pairs}


def _time(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(str(value).replace(" Z", "Z").replace(" UTC", "Z"))
        except ValueError:
            return None
    # ruamel's own kind of datetime and of time zone would not compare or print like the others
    offset = value.utcoffset()
    plain = datetime.fromisoformat(value.replace(tzinfo=None).isoformat()).replace(tzinfo=UTC)
    try:
        return plain - offset if offset else plain
    except OverflowError:  # before the first of all days, or after the last
        return None


def _timestamp(file: Found) -> datetime | None:
    """nbgrader's "2015-02-02 15:58:23.948203 America/Los_Angeles", or with UTC, or with nothing."""
    try:
        date, clock, *zone = file.read().decode().split()
        naive = datetime.fromisoformat(f"{date} {clock}")
        place: tzinfo = ZoneInfo(zone[0]) if zone else UTC
        return (naive if naive.tzinfo else naive.replace(tzinfo=place)).astimezone(UTC)
    except (Unreadable, ValueError, KeyError, OSError, OverflowError):
        return None
