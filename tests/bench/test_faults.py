"""The fastest rows of `python -m bench.faults`, and its table."""

import pytest

from bench.faults import pictures, power
from bench.faults.__main__ import ROWS, line, measure
from bench.faults.row import Found, Row


@pytest.mark.parametrize("name", ["pictures", pytest.param("gifts", marks=pytest.mark.slow)])
def test_a_quick_row_finds_nothing_wrong(name):
    for found in measure(ROWS[name], True, 0):
        assert found.runs and not found.wrong, found.wrong


def test_an_error_of_the_bench_is_a_wrong_end():
    def fails(_setting):
        raise OSError("no disk")
        yield

    (found,) = measure(Row("some", fails), True, 0)
    assert "no disk" in found.wrong[0]


def test_a_line_of_the_table():
    found = Found("a fault", "harmless", note="fast")
    for wrong in ("", "", "it was not"):
        found.end("harmless", wrong)
    assert line(found) == "| a fault | 3 | harmless | 2 harmless, 1 wrong; fast |" and found.wrong == ["it was not"]
    assert str(Found("a fault", "harmless", skipped="no strace")) == "not measured: no strace"


def test_what_is_not_flushed_is_seen(tmp_path):
    old, new = tmp_path / ".a.tmp", tmp_path / "a"
    write, rename = f'1 write(3<{old}>, ""..., 4) = 4', f'1 rename("{old}", "{new}") = 0'
    file, folder = f"1 fsync(3<{old}>) = 0", f"1 fsync(3<{tmp_path}>) = 0"
    wrong = {
        (write, file, rename, folder): 0,
        (write, rename, folder): 1,
        (write, file, rename): 1,
        (write, rename): 2,
    }
    for lines, count in wrong.items():
        assert sum(bool(what) for _, what in power.judged(list(lines), tmp_path)) == count


def test_every_kind_of_picture_is_there():
    assert len(pictures.GRAY | pictures.COLOUR | pictures.REFUSED) >= 28
