"""Who is more alike than independent answers are, and what is alike because the task is small."""

from __future__ import annotations

import html
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest

from gradus.files import pack_zip, write_tree

SOLUTION = '''# %%
import torch


# %%
def centre(x):
    """The rows of x (N, D), less their mean."""
    # BEGIN SOLUTION
    return x - x.mean(0)
    # END SOLUTION


# %%
def distances(x, y):
    """How far each row of x (N, D) is from each of y (M, D). Returns (N, M)."""
    # BEGIN SOLUTION
    return (x[:, None] - y[None]).pow(2).sum(-1).sqrt()
    # END SOLUTION


# %%
def descend(x, gradient, lr, steps):
    """So many steps of gradient descent from x."""
    # BEGIN SOLUTION
    for _ in range(steps):
        x = x - lr * gradient(x)
    return x
    # END SOLUTION


# %%
def figure(digits, quick=False):
    """What the functions do: given, and longer than all that is to be written."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(4, 3), layout="constrained")
    points = torch.linspace(-1, 1, 10 if quick else 100)[:, None]
    axes.plot(points.flatten(), distances(points, centre(points))[0], label="distance")
    axes.set(title="a line", xlabel="x", ylabel="y")
    return drawn
'''
MISTAKES = """
from gradus.mistakes.written import alternative

@alternative("by torch's names")
class Named:
    def centre(x):
        return torch.sub(x, torch.mean(x, dim=0, keepdim=True))

    def distances(x, y):
        return torch.stack([torch.sqrt(torch.sum((row - y) ** 2, dim=1)) for row in x])
"""
COURSE = "title: T\ntopics:\n  - {id: rows, title: Rows, points: 3}\n"
CENTRE = """
return x - x.mean(0)
---
middle = x.sum(0) / len(x)
return x - middle
---
middle = torch.mean(x, dim=0, keepdim=True)
out = x - middle
return out
"""
DISTANCES = """
return (x[:, None] - y[None]).pow(2).sum(-1).sqrt()
---
apart = x.unsqueeze(1) - y.unsqueeze(0)
return torch.sqrt((apart * apart).sum(dim=2))
---
squares = (x ** 2).sum(1)[:, None] + (y ** 2).sum(1)[None, :] - 2 * x @ y.T
return squares.clamp(min=0).sqrt()
---
rows = []
for row in x:
    rows.append(((y - row) ** 2).sum(1) ** 0.5)
return torch.stack(rows)
"""
DESCEND = """
for _ in range(steps):
    x = x - lr * gradient(x)
return x
---
done = 0
while done < steps:
    slope = gradient(x)
    x = x - slope * lr
    done += 1
return x
---
point = x.clone()
for step in range(steps):
    slope = gradient(point)
    point = point - lr * slope
return point
"""
# Nobody else writes this, right or wrong.
ODD = """
# %%
def centre(x):
    weights = torch.ones(x.shape[0], dtype=x.dtype) / max(1, x.shape[0] - 1)
    return x - (weights[:, None] * x).sum(dim=0, keepdim=True)


def distances(x, y):
    table = torch.zeros(x.shape[0], y.shape[0], dtype=x.dtype)
    for n in range(x.shape[0]):
        for m in range(y.shape[0]):
            table[n, m] = (x[n] - y[m]).abs().max()
    return table
"""
# The same with other names, another layout and order, and comments.
DISGUISED = '''
def distances(first, second):
    """Mine, all mine."""
    result = torch.zeros(
        first.shape[0], second.shape[0],
        dtype=first.dtype
    )
    for i in range(first.shape[0]):   # go on
        for j in range(second.shape[0]):
            result[i, j] = (first[i] - second[j]).abs().max()
    return result

def centre(data):
  w = torch.ones(data.shape[0], dtype=data.dtype) / max(1, data.shape[0] - 1)

  return data - (w[:, None] * data).sum(dim=0, keepdim=True)
'''
# As `gradus build` puts them into the notebook.
CHECKS = (
    "from gradus.notebook import check, show",
    'check("rows", "centre")\ncheck("rows", "distances")\ncheck("rows", "descend")',
    'show("rows", "experiment")\nshow("rows")',
)
GRADUS = [sys.executable, "-c", "from gradus.cli import main; main()"]


def notebook(*cells: str) -> str:
    """Cells as a notebook's JSON."""
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def written(**bodies: str) -> str:
    """The stub with some functions filled in."""
    text = re.sub(
        r"# BEGIN SOLUTION(?:.|\n)*?# END SOLUTION", "raise NotImplementedError", SOLUTION
    )
    for name, body in bodies.items():
        indented = body.strip().replace("\n", "\n    ")
        before, after = text.split(f"def {name}(")
        text = f"{before}def {name}({after.replace('raise NotImplementedError', indented, 1)}"
    return text


def independent() -> dict[str, str]:
    """A class of 36: every way to write each function, with each way to write the others."""
    ways = product(*(text.split("---") for text in (CENTRE, DISTANCES, DESCEND)))
    return {
        f"s{number:02}.py": written(centre=a, distances=b, descend=c)
        for number, (a, b, c) in enumerate(ways)
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "course.yaml": COURSE,
        "solutions/rows.py": SOLUTION,
        "hidden_tests/mistakes/rows.py": MISTAKES,
        "assignments/rows/rows.ipynb": notebook(*CHECKS),
    }
    write_tree(tmp_path, {name: text.encode() for name, text in files.items()})
    return tmp_path


def similar(
    root: Path, files: Mapping[str, str | bytes], *more: str, code: int = 0, cpu: int = 600
):
    """What the command prints about some files, within so many seconds of the processor."""
    data = {n: f if isinstance(f, bytes) else f.encode() for n, f in files.items()}
    write_tree(root / "in", data)
    command = [*GRADUS, "similar", "rows", "in", *more]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        command,
        cwd=root,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu)),
    )
    assert done.returncode == code, done.stderr
    return done


def rows(text: str) -> tuple[list[str], list[str]]:
    """The rows above what is usual, and those below, each as one line."""
    table = text.split("what they share")[1].split("\n\n")[0]
    lines: list[str] = []
    for line in table.splitlines()[1:]:
        if re.match(r".*?\d+%", line) or not lines:
            lines.append("")
        lines[-1] = " ".join(f"{lines[-1]} {line}".split())
    (usual,) = [at for at, line in enumerate(lines) if line.startswith("usual, at most")]
    return lines[:usual], lines[usual + 1 :]


def test_independent_answers_are_as_alike_as_is_usual(root):
    done = similar(root, independent())
    assert done.stdout.startswith("rows · 36 submissions · none are more alike")
    above, below = rows(done.stdout)
    assert not above
    assert below
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "plagiar" not in done.stdout.lower()
    assert done.stderr == ""


def test_a_copy_with_other_names_layout_order_and_as_a_notebook_is_found(root):
    files = {"ada.py": ODD, "bob.ipynb": notebook("%matplotlib inline\n" + DISGUISED)}
    above, below = rows(similar(root, independent() | files).stdout)
    (row,) = above
    assert row.startswith("ada, bob")
    assert "2 of 2 functions the same" in row
    assert "rare lines in centre (" in row
    assert not [line for line in below if "ada" in line or "bob" in line]


def test_a_helper_that_goes_by_two_names_is_shown(root):
    helper = (
        "def tidy(rows):\n    return rows[rows.abs().sum(1).argsort(descending=True)].flip(0) + 7\n"
    )
    files = {"ada.py": written() + "\n\n" + helper, "bob.py": helper.replace("tidy", "f")}
    done = similar(root, independent() | files, "--html", "out.html")
    (row,) = rows(done.stdout)[0]
    assert row.startswith("ada, bob")
    assert "rare lines in other code (2)" in row
    pair = (root / "out.html").read_text().split('id="group1"')[1].split('id="other')[0]
    assert pair.count("argsort(") == 2


def test_what_cannot_be_parsed_is_compared_all_the_same(root):
    broken = DISGUISED.replace("    return result", "    return result)").replace(
        '"""Mine', '"Mine'
    )
    above, _ = rows(similar(root, independent() | {"ada.py": ODD, "bob.py": broken}).stdout)
    assert [row[:8] for row in above] == ["ada, bob"]


def test_a_comment_and_a_name_that_only_two_have_are_named(root):
    ours = "# thats how my gran would put it, more or less\nwurst = x.mean(0)\nreturn x - wurst"
    files = independent()
    for at, name in enumerate(("ada.py", "bob.py")):
        files[name] = written(centre=ours, distances=DISTANCES.split("---")[at])
    (row,) = rows(similar(root, files).stdout)[0]
    assert row.startswith("ada, bob")
    assert "comment “thats how my gran would put it, more or less”" in row
    assert "names wurst" in row


def test_what_is_handed_out_or_right_or_common_is_nothing_of_theirs(root):
    """The stub, the notebook's calls of checks, magics, and an alternative that only two have."""
    files = independent() | {f"{name}.py": written() for name in ("ada", "bob")}
    magics = (
        "%load_ext autoreload\n%autoreload 2\n%matplotlib inline\n!pip install -U torch rich tqdm"
    )
    texts = (written(), written(centre=CENTRE.split("---")[0]))
    for name, text in zip(("fay", "gus"), texts, strict=True):
        files[f"{name}.ipynb"] = notebook(magics, text, *CHECKS)
    right = "return torch.stack([torch.sqrt(torch.sum((row - y) ** 2, dim=1)) for row in x])"
    hints = "\n# hints used in rows: distances 3, descend 2\n"  # `gradus hint` has written it
    files |= {f"{name}.py": written(distances=right) + hints for name in ("hal", "ivy")}
    above, below = rows(similar(root, files).stdout)
    assert not above
    assert not [line for line in below if re.search("ada|bob|fay|gus", line)]
    assert not [line for line in below if "rare lines" in line]


def test_the_one_line_that_two_have_written_is_what_others_have(root):
    line = CENTRE.split("---")[1]
    files = {f"{name}.py": written(centre=line) for name in ("ada", "bob")}
    above, _ = rows(similar(root, independent() | files).stdout)
    assert not above


def test_a_group_is_one_row_and_not_three_pairs(root):
    files = independent() | {"ada.py": ODD, "bob.py": DISGUISED, "cal.py": ODD + "\nprint(3)\n"}
    (row,) = rows(similar(root, files).stdout)[0]
    assert row.startswith("ada, bob, cal")


def test_who_hands_in_twice_is_no_pair(root):
    """Gradescope's export: Ada alone, and with Emmy."""
    submitters = {
        "submission_1": ["ada@x.org"],
        "submission_2": ["ada@x.org", "emmy@x.org"],
        "submission_3": ["carl@x.org"],
    }
    about = "".join(
        f"{folder}:\n  :submitters:\n"
        + "".join(f"  - :name: N\n    :sid: ''\n    :email: {mail}\n" for mail in mails)
        for folder, mails in submitters.items()
    )
    members = {"export/submission_metadata.yml": about.encode()}
    for folder, text in zip(submitters, (ODD, DISGUISED, written()), strict=True):
        members[f"export/{folder}/rows.py"] = text.encode()
    (root / "export.zip").write_bytes(pack_zip(members))
    above, below = rows(similar(root, independent(), "export.zip").stdout)
    assert not above
    assert not [line for line in below if "ada@" in line]


def test_a_few_do_not_say_what_is_usual(root):
    done = similar(root, {"ada.py": ODD, "bob.py": DISGUISED, "cal.py": written()})
    assert "fewer than 10 do not say what is usual" in done.stdout
    assert "more alike than" not in done.stdout
    assert re.search(r"ada, bob +100% +\d+", done.stdout)
    done = similar(root, {}, "--html", "in", code=2)
    assert done.stderr == "cannot write in: Is a directory\n"


def test_what_cannot_be_read_is_named_and_left_out(root):
    deep = "def centre(x):\n    return " + "(" * 50_000 + "x" + ")" * 50_000 + "\n"
    nested = "".join(" " * n + "if x:\n" for n in range(300))
    files = {
        "empty.py": "\n",
        "huge.py": "x = 1\n" * 1_600_000,
        "long.py": "x = 1\n" * 100_000,
        "torn.ipynb": '{"cells": [',
        "odd.ipynb": '{"cells": [{"cell_type": "code", "source": 3}]}',
        "deep.py": deep,
        "nested.py": nested,
        "spaces.ipynb": notebook(" " * 100_000, "a = (" * 10_000, "# \ud800 and \ud801 more"),
        "quote.py": '"""' + "a" * 1000,
        "escape\x1b[31m.py": "\0",
    }
    done = similar(root, independent() | files, "--html", "out.html")
    left_out = [line for line in done.stderr.splitlines() if line.startswith("left out: ")]
    named = ["empty", r"escape\x1b[31m", "huge", "long", "odd", "torn"]
    assert [line.split(": ")[1] for line in left_out] == named
    assert "empty.py: the file is empty" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "rows · 40 submissions" in done.stdout
    assert "empty.py: the file is empty" in (root / "out.html").read_text()

    for file in (root / "in").iterdir():
        file.unlink()
    done = similar(root, {"ada.py": ODD, "bob.py": " "}, code=2)
    assert done.stderr.splitlines()[-1] == "1 of 2 submissions can be read: two are needed"


SLOW = {  # what a lexer may begin again at each of its places
    "blank": " \n" * 90_000 + "x = 1\n",
    "feeds": "x = 1\n" + "\x0c\n" * 90_000 + "x",
    "imports": "from a" + "\xa0\n" * 90_000 + "x",
    "digits": "x = '%" + "0" * 190_000 + "'\n",
    "braces": 'x = """' + "{a[" * 60_000,
    "names": "x = '" + "\\N{" * 60_000,
    "case": "case" + " " * 90_000 + "x" * 90_000,
    "open": "(" * 190_000,
    "quotes": "\"\"\"'''\n" * 27_000,
    "cookie": b"# coding: punycode\nx = 1 -" + b"a" * 190_000,
    "plain": "x = 1\n",
}


def test_what_a_file_holds_does_not_make_reading_it_slow(root):
    """Seconds each, and not the minutes to hours that the square of its size takes."""
    files = {f"{name}.py": text for name, text in SLOW.items()}
    files["huge.py"] = b"# coding: punycode\nx = 1 -" + b"a" * 9_000_000
    done = similar(root, files, cpu=100)
    assert f"rows · {len(SLOW)} submissions" in done.stdout
    assert done.stderr == "left out: huge: huge.py: more than 200 kB of code\n"


def test_the_page_shows_both_sides_as_text_with_what_is_shared_marked(root):
    bad = "<script>alert(1)</script>"
    hostile = ODD.replace("    return table", f"    # {bad} and \u202e more\n    return table")
    copy = hostile.replace("weights", "quux").replace("table", "tally")
    files = {f"{bad.replace('/', '')}.py": hostile, "bob.py": copy}
    done = similar(root, independent() | files, "--html", "out/similar.html")
    assert done.stderr == "side by side in out/similar.html\n"
    page = (root / "out" / "similar.html").read_text()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;script&gt;" in page
    assert not re.search(r"(src|href)=.?(?!.?#)", page)
    assert "@import" not in page
    assert "url(" not in page

    pair = page.split('id="group1"')[1].split('id="other')[0]
    codes = re.findall(r"<pre>\n(.*?)</pre>", pair, re.DOTALL)
    texts = [html.unescape(re.sub(r"</?mark[^>]*>", "", code)) for code in codes]
    assert [text.split("(")[0] for text in texts] == ["def centre"] * 2 + ["def distances"] * 2
    assert texts[2].count("table") == texts[3].count("tally") == 3
    assert all(f"# {bad} and \\u202e more\n" in text for text in texts[2:])
    for code in codes[2:]:
        marked = " ".join(re.findall(r'<mark class="few">(.*?)</mark>', code, re.DOTALL))
        assert ".abs().max()" in marked
        assert html.escape(bad) in marked
