"""Who handed in: what to call them, and all that one of them has handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gradus.errors import one_line
from gradus.results import Person, Result


@dataclass
class Pupil:
    """One of a class with all their results, by topic: several of one where that is unclear."""

    key: str  # what tells them apart: an address, a number, a name
    person: Person  # as the first of the results has them
    results: dict[str, list[Result]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call them."""
        return names_of(self.person) or self.key


def names_of(person: Person) -> str:
    """What to call somebody: the name, or else what there is."""
    return one_line(person.name or person.email or person.sid or person.id, 200)


def name_of(result: Result) -> str:
    """Who handed in, as far as is known; else what the submission is called."""
    names = [name for person in result.handed_in.people if (name := names_of(person))]
    return " + ".join(names) or result.submission


def pupils_of(topics: Mapping[str, Iterable[Result]]) -> list[Pupil]:
    """Everyone of whom there is a result, in the order of the results; each of a group too."""
    pupils: dict[str, Pupil] = {}
    for topic, results in topics.items():
        for result in results:
            for person in result.handed_in.people or [Person()]:
                known = person.email or person.sid or person.id or person.name
                key = known or result.submission
                pupil = pupils.setdefault(key, Pupil(key, person))
                pupil.results.setdefault(topic, []).append(result)
    return list(pupils.values())
