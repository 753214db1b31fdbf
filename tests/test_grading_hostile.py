"""A class with every attack of tests/hostile in it: `gradus grade` gives each what it earned."""

from pathlib import Path

import pytest

from gradus.commands.grade import grade
from gradus.course import load_course
from gradus.results import Result
from gradus.sandbox.levels import best_level

ATTACKS = sorted((Path(__file__).parent / "hostile").glob("*.py"))

COURSE = """
title: Under attack
limits: {check_seconds: 1, submission_seconds: 3, memory_mb: 512, disk_mb: 8, output_kb: 16}
topics:
  - {id: tiny, title: Tiny, points: 6}
"""
TESTS = '''
from gradus.checks import call, check_values, points


@points(5, of="f")
def test_f(student, rng):
    """Seven times x, which no attack computes."""
    x = rng.normal(3)
    check_values(call(student, "f", x), 7 * x, "out")


@points(1, of="honest")
def test_honest(student, rng):
    """One more than x."""
    x = rng.normal(3)
    check_values(call(student, "honest", x), x + 1, "out")
'''
HONEST = "def f(x):\n    return 7 * x\n\n\ndef honest(x):\n    return x + 1\n"


# What a submission returns is quoted: by what all checks use, by a check, by Python.
QUOTING = """
from gradus.checks import call, check_values, points, require


@points(1, of="f")
def test_parts(student, rng):
    x = rng.normal(3)
    check_values(call(student, "f", x), {"a": x}, "out")


@points(1, of="f")
def test_property(student, rng):
    value = call(student, "f", rng.normal(3))
    require(value is None, f"f must return None, got {value}", f"It is {value}")


@points(1, of="f")
def test_surprise(student, rng):
    raise KeyError(call(student, "f", rng.normal(3)))


@points(1, of="honest")
def test_many(student, rng):
    x = rng.normal(3)
    for _ in range(20):
        check_values(call(student, "f", x), x + 1, "out")
"""


@pytest.mark.skipif(best_level() == "process", reason="nothing contains these attacks here")
def test_a_class_under_attack(tmp_path, monkeypatch, capfd):
    (tmp_path / "hidden_tests").mkdir()
    (tmp_path / "course.yaml").write_text(COURSE)
    (tmp_path / "hidden_tests" / "test_tiny.py").write_text(TESTS)
    folder = tmp_path / "class"
    folder.mkdir()
    honest = set()
    for number, attack in enumerate(ATTACKS):
        (folder / attack.name).write_bytes(attack.read_bytes())
        if number % 10 == 0:
            neighbour = folder / f"{attack.stem}_honest_neighbour.py"  # by name, the next one
            neighbour.write_text(HONEST)
            honest.add(neighbour.stem)
    monkeypatch.chdir(tmp_path)
    course = load_course(tmp_path / "course.yaml")
    assert grade(course, "tiny", [folder], out=tmp_path / "results", judges=2) == 0
    assert "no result" not in capfd.readouterr().err
    files = (tmp_path / "results" / "tiny").glob("*.json")
    results = [Result.model_validate_json(file.read_bytes()) for file in files]
    assert {r.submission for r in results} == honest | {attack.stem for attack in ATTACKS}
    for result in results:
        points = {check.name: check.points for check in result.checks}
        assert points.keys() == {"test_f", "test_honest"}, result
        assert result.score == sum(points.values()), result
        if result.submission in honest:
            assert result.score == 6, result
        else:
            assert points["test_f"] == 0, result
            assert points["test_honest"] in (0, 1), result


@pytest.mark.skipif(best_level() == "process", reason="nothing contains these attacks here")
def test_what_is_said_of_a_submission_is_short(tmp_path, monkeypatch):
    """However much it returns, at whatever place that is quoted."""
    quoted = ("huge_keys", "costly_remarks", "wide_return")
    files = [attack for attack in ATTACKS if attack.stem in quoted]
    (tmp_path / "hidden_tests").mkdir()
    (tmp_path / "course.yaml").write_text(COURSE.replace("points: 6", "points: 4"))
    (tmp_path / "hidden_tests" / "test_tiny.py").write_text(QUOTING)
    monkeypatch.chdir(tmp_path)
    course = load_course(tmp_path / "course.yaml")
    assert grade(course, "tiny", files, out=tmp_path / "results", judges=1) == 0
    said = {}
    for file in (tmp_path / "results" / "tiny").glob("*.json"):
        assert file.stat().st_size < 40_000
        for check in Result.model_validate_json(file.read_bytes()).checks:
            said[file.stem, check.name] = check.message
    assert len(said) == 4 * len(quoted)
    assert max(map(len, said.values())) < 4000
    first = said["huge_keys", "test_parts"]
    assert first.startswith("out must be a dict with keys ['a'], got keys ['0000000<script>")
    assert first.endswith("…")
