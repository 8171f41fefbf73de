"""Groups of commands that load when one is called: what their tables say is what the commands say."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lrp.cli.group import main as lrp
from spray.cli.group import cli as spray

ROOT = Path(__file__).parents[1]
GROUPS = {"lrp": lrp, "spray": spray}
PLACES = [(group, name) for group, each in GROUPS.items() for name in each.places]


@pytest.mark.parametrize(("group", "name"), PLACES)
def test_the_table_has_the_commands_own_name_and_line(group, name):
    command = GROUPS[group].get_command(None, name)  # type: ignore[arg-type]
    assert command is not None and command.name == name
    assert GROUPS[group].places[name].help == GROUPS[group].shortened(name)


@pytest.mark.parametrize("group", GROUPS)
def test_help_lists_every_command(group):
    shown = CliRunner().invoke(GROUPS[group], ["--help"])
    assert shown.exit_code == 0 and all(f"  {name} " in shown.output for name in GROUPS[group].places)


@pytest.mark.parametrize("group", GROUPS)
def test_an_unknown_command_is_told(group):
    told = CliRunner().invoke(GROUPS[group], ["analize"])
    assert told.exit_code == 2 and "No such command 'analize'" in told.output


LIGHT = """
import sys
sys.argv = [{group!r}, *{arguments!r}]
from {group}.cli import main
try:
    main()
except SystemExit:
    pass
print(*sorted({{"torch", "numpy", "sklearn", "xarray", "bokeh"}} & sys.modules.keys()), file=sys.stderr)
"""


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_and_version_load_no_library(group, arguments):
    program = LIGHT.format(group=group, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout + done.stderr and done.stderr.splitlines()[-1] == ""


@pytest.mark.parametrize(("words", "wanted"), [("lrp a", "attribute"), ("spray --", "--version"), ("spray ra", "rank")])
def test_completion_loads_no_library(words, wanted):
    group = words.split()[0]
    program = LIGHT.format(group=group, arguments=[])
    asked = {"_" + group.upper() + "_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, env=asked | {"PATH": ""}
    )
    assert f"plain,{wanted}" in done.stdout.splitlines() and done.stderr == "\n"
