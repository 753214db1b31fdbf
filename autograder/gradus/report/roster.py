"""The class list: who should have handed in, and by which names."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.inbox.found import printable
from gradus.report.people import names_of
from gradus.results import Person, Result

# How the tables of Canvas, Moodle, Gradescope, nbgrader and GitHub Classroom call a column, in
# small letters and without what is no letter. An `id` is a name to log in with.
_COLUMNS = {
    "name": ("name", "fullname", "student", "studentname"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "email": ("email", "emailaddress", "mail"),
    "sid": ("sid", "studentid", "studentnumber", "sisuserid", "idnumber", "identifier"),
    "id": ("id", "user", "username", "login", "sisloginid", "githubusername"),
}
_MEANS = {name: kind for kind, names in _COLUMNS.items() for name in names}

_Key = tuple[str, str]  # a kind of column, and what stands there, in small letters


@dataclass(frozen=True)
class Matched:
    """A class list held against results."""

    results: list[Result]  # with the list's names in place of the download's
    missing: list[Person]  # of the list, of whom there is no result
    strangers: list[str]  # who handed in and is not in the list
    several: dict[str, list[str]]  # by name, the submissions of one person


class Roster:
    """The people of a class list."""

    def __init__(self, people: Sequence[Person], keys: Sequence[set[_Key]]) -> None:
        """`keys` are the numbers, addresses and logins of each; what several have finds nobody."""
        self.people = people
        everyone = [
            mine | {("name", _folded(p.name)), ("local", _folded(p.email.partition("@")[0]))}
            for p, mine in zip(people, keys, strict=True)
        ]
        count = Counter(key for mine in everyone for key in mine)
        self._found = {
            key: n for n, mine in enumerate(everyone) for key in mine if count[key] == 1 and key[1]
        }

    @classmethod
    def read(cls, path: Path) -> Roster:
        """A table with a line of headings: a gradebook's or a list of participants, as CSV.

        Columns are known by their headings; at least one of name, e-mail, number or login must be
        there. Raises UsageError.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise UsageError(f"cannot read {shown(path)}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{shown(path)} is not UTF-8: save it as CSV in UTF-8") from None
        head = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=head.count)
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error as error:
            raise UsageError(f"{shown(path)} is no CSV table: {error}") from None
        means = [_MEANS.get(_letters(heading)) for heading in (lines[0] if lines else [])]
        if not {"name", "last", "email", "sid", "id"} & set(means):
            known = ", ".join(names[0] for names in _COLUMNS.values())
            raise UsageError(f"{shown(path)}: no column that says who somebody is, such as {known}")
        rows = [row for line in lines[1:] if (row := _row(means, line))]
        if not rows:
            raise UsageError(f"{shown(path)} names nobody")
        seen = Counter(key for _, keys in rows for key in keys if key[0] in ("email", "sid"))
        if double := sorted(value for (_, value), times in seen.items() if times > 1):
            listed = printable(", ".join(double))
            raise UsageError(f"{shown(path)} has several lines for {listed}: leave one")
        return cls([person for person, _ in rows], [keys for _, keys in rows])

    def match(self, results: Iterable[Result]) -> Matched:
        """Each result with the list's names; who is missing, and who is not in it."""
        named, strangers = [], []
        submissions: dict[int, list[str]] = {}
        for result in results:
            people = []
            for person in result.handed_in.people or [Person()]:
                number = self._find(person, result.submission)
                if number is not None:
                    submissions.setdefault(number, []).append(result.submission)
                    people.append(_filled(person, self.people[number], result.handed_in.source))
                else:
                    strangers.append(names_of(person) or result.submission)
                    people += result.handed_in.people and [person]
            handed_in = result.handed_in.model_copy(update={"people": people})
            named.append(result.model_copy(update={"handed_in": handed_in}))
        missing = [p for n, p in enumerate(self.people) if n not in submissions]
        several = {
            names_of(self.people[n]): names for n, names in submissions.items() if len(names) > 1
        }
        return Matched(named, missing, strangers, several)

    def _find(self, person: Person, submission: str) -> int | None:
        """Whom the list knows by a number, an address, a login, or else by a name of their own."""
        known = [(kind, getattr(person, kind)) for kind in ("sid", "email", "id", "name")]
        known += [(kind, submission) for kind in ("id", "email", "sid", "local", "name")]
        keys = ((kind, _folded(value)) for kind, value in known)
        return next((self._found[key] for key in keys if key in self._found), None)


def _filled(person: Person, known: Person, source: str) -> Person:
    """A download's person with what the list says; Canvas's own number stays, for its import."""
    told = {kind: value for kind, value in known if value}
    if person.id and source == "canvas":
        told.pop("id", None)
    return person.model_copy(update=told)


def _row(means: Sequence[str | None], line: Sequence[str]) -> tuple[Person, set[_Key]] | None:
    """Somebody, or None for a line that names nobody, such as Canvas's line of possible points."""
    cells: dict[str, list[str]] = {}
    for meaning, cell in zip(means, line, strict=False):
        if meaning and cell.strip():
            cells.setdefault(meaning, []).append(cell.strip())
    first, last = (cells.get(part, [""])[0] for part in ("first", "last"))
    name = cells.get("name", [""])[0] or f"{first} {last}".strip()
    if not cells or name.casefold() == "points possible":
        return None
    if name.count(",") == 1:  # Canvas writes "Lovelace, Ada"
        name = " ".join(part.strip() for part in reversed(name.split(",")))
    ids, email, sid = (cells.get(part, [""]) for part in ("id", "email", "sid"))
    # Of two logins the last: in Canvas's table the first is its own number.
    person = Person(name=name, email=email[0], sid=sid[0], id=ids[-1])
    keys = {("id", id) for id in ids} | {("email", person.email), ("sid", person.sid)}
    return person, {(kind, _folded(value)) for kind, value in keys if value}


def _letters(heading: str) -> str:
    return "".join(c for c in heading.casefold() if c.isalnum())


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
