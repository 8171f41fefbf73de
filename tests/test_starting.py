"""An interrupt while a command is loading ends it as one while it works: one line, exit code 130."""

import subprocess
import sys

import pytest

from tests.support.writers import ROOT

LOADING = """
import signal, sys
awaited = sys.argv[1]
class Loading:
    def find_spec(self, name, *_):
        if name == awaited:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Loading())
signal.signal(signal.SIGINT, {0})
from {1}.cli import main
sys.argv[1:] = ["{2}", "--help"]
main()
"""


def ended(command, module, before="signal.default_int_handler"):
    code = LOADING.format(before, command, "plan" if command == "lrp" else "analyse")
    return subprocess.run([sys.executable, "-c", code, module], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(("command", "module"), [("lrp", "torch"), ("spray", "xarray"), ("spray", "click")])
def test_an_interrupt_while_loading_is_one_line_and_130(command, module):
    done = ended(command, module)
    assert (done.returncode, done.stderr, done.stdout) == (130, "interrupted\n", "")


def test_an_interrupt_that_is_ignored_stays_ignored():
    done = ended("spray", "click", "signal.SIG_IGN")
    assert done.returncode == 0 and "interrupted" not in done.stderr and "Usage" in done.stdout


AFTER = """
import signal
from spray import _starting
_starting.end_at_interrupts()
with _starting.interruptible():
    print("inside")
signal.raise_signal(signal.SIGINT)
"""


def test_an_interrupt_after_the_command_too():
    done = subprocess.run([sys.executable, "-c", AFTER], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "inside\n", "interrupted\n")


LOST = """
import click, signal, sys
from spray.cli import group, main

@group.cli.command()
def odd():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("a module in C that was loading")

sys.argv[1:] = ["odd"]
main()
"""


def test_what_a_library_makes_of_an_interrupt_is_one():
    done = subprocess.run([sys.executable, "-c", LOST], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
