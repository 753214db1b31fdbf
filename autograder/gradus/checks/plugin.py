"""The pytest plugin: a check's marks and the fixtures `student`, `rng`, `device` and `topic`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import Tensor

    from gradus.checks.comparison import Comparison
    from gradus.checks.known import Recorded
    from gradus.checks.recorded import Recording
    from gradus.checks.rng import Rng
    from gradus.course import Topic
    from gradus.student import Student

PUBLIC_SALT = "public"  # of a student's own runs; a class is graded with the course's secret one


@dataclass
class Subject:
    """What is being judged; a session puts in each submission in turn."""

    topic: Topic
    device: str
    salt: str
    student: Student | None = None
    known: Recorded = field(default_factory=dict)
    edges: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    small: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    many: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    float32: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of each function
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caches: Mapping[str, Sequence[Sequence[Tensor]]] = field(default_factory=dict)
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of other functions
    show: bool = False  # the calls of each check, for a student to follow

    def know(self, recording: Recording | None) -> None:
        """What was recorded for its salt, if anything was."""
        if recording is not None:
            self.known, self.parameters = recording.known, recording.parameters
            self.edges, self.small = recording.edges, recording.small
            self.many, self.uses = recording.many, recording.uses
            self.float32, self.defaults = recording.float32, recording.defaults
            self.caches = recording.caches


SUBJECT: pytest.StashKey[Subject] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "points(n, of): worth n points; judges the function `of`",
        "public: the check ships to students",
        "visibility(when): visible, after_due_date, after_published or hidden",
    ):
        config.addinivalue_line("markers", line)


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Iterator[Student]:
    """The submission; `student.f(x)` calls its function f in the submission's own process."""
    subject = request.config.stash.get(SUBJECT, None)
    if subject is not None:
        assert subject.student is not None
        yield subject.student
        return
    student = request.getfixturevalue("_beside")
    student.begin(request.node.name, 0)
    yield student


@pytest.fixture
def recorded(request: pytest.FixtureRequest, student: Student) -> Callable[[], None]:
    """`recorded()` makes the calls of this check and compares what comes of them; inputs and
    expected values are in the file beside the tests."""
    from gradus.checks.judging import compare_all

    recording = _recording(request.path)
    comparisons = recording.comparisons.get(request.node.name) if recording else None
    if comparisons is None:
        name = request.path.with_suffix(".msgpack").name
        pytest.fail(
            f"{name}, which belongs beside {request.path.name}, is missing or of another version",
            pytrace=False,
        )
    return partial(compare_all, student, comparisons)


@cache
def _recording(test_file: Path) -> Recording | None:
    from gradus.checks.recorded import load_recording

    return load_recording(test_file, PUBLIC_SALT)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A check that pytest runs by itself says what the student should read, and no more."""
    if SUBJECT in pyfuncitem.config.stash or pyfuncitem.get_closest_marker("points") is None:
        return (yield)
    from gradus.checks import record
    from gradus.checks.explain import conclude
    from gradus.checks.failure import CheckFailed
    from gradus.checks.rng import derive_seed
    from gradus.errors import SubmissionError

    recording = _recording(pyfuncitem.path)
    about: dict[str, Any] = {}
    if recording is not None:
        name, parts = pyfuncitem.name, ("known", "edges", "small", "many")
        about = {part: getattr(recording, part).get(name, ()) for part in parts}
        about |= dict(float32=recording.float32.get(name, 1.0), defaults=recording.defaults)
    seed = derive_seed(PUBLIC_SALT, _topic_id(pyfuncitem.path), pyfuncitem.name)
    notes, error, result = record.start(seed, **about), None, None
    try:
        result = yield
    except Exception as raised:
        error = raised
    told = conclude(error, notes, getattr(pyfuncitem, "funcargs", {}).get("student"))
    if isinstance(told, CheckFailed | SubmissionError):
        pytest.fail(str(told), pytrace=False)
    if told is not None:
        raise told
    return result


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Rng:
    """Random inputs, seeded from the salt, the topic and the test."""
    from gradus.checks.rng import Rng, derive_seed

    subject = request.config.stash.get(SUBJECT, None)
    salt = subject.salt if subject else PUBLIC_SALT
    return Rng(derive_seed(salt, _topic_id(request.path), request.node.name))


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """Where the submission computes: "cpu" or "cuda"."""
    subject = request.config.stash.get(SUBJECT, None)
    return subject.device if subject else "cpu"


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> Topic:
    """The topic's entry in course.yaml."""
    subject = request.config.stash.get(SUBJECT, None)
    if subject is not None:
        return subject.topic
    from gradus.course import find_course, load_course

    return load_course(find_course(request.path.parent)).topic(_topic_id(request.path))


def _topic_id(test_file: Path) -> str:
    return test_file.stem.removeprefix("test_")


@pytest.fixture(scope="module")
def _beside(request: pytest.FixtureRequest) -> Iterator[Student]:
    """`pytest test_mlp.py` run by hand: the submission is the mlp.py beside it, loaded once."""
    from gradus.course import Limits
    from gradus.sandbox.launcher import Launcher
    from gradus.student import Student

    path = request.path.with_name(f"{_topic_id(request.path)}.py")
    if not path.exists():
        pytest.skip(f"no {path.name} beside {request.path.name}")
    with Launcher("process", Limits()) as launcher:
        student = Student(launcher, path.name, path.read_bytes())
        yield student
        student.close()
