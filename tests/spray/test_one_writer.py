"""Nothing in the packages writes files but the one writer."""

import ast

import pytest

from tests.support.writers import ROOT

METHODS = {"write_text", "write_bytes", "to_netcdf", "touch", "unlink", "symlink_to", "hardlink_to"}
OPENERS = {"open", "Dataset", "File"}
RENAMING_ARRAYS = (
    "spray/stages/",
    "spray/recipes/",
    "spray/memo/codec.py",
    "spray/concepts/",
)  # xarray's `rename` looks like a path's


def calls_of_writers(tree):
    """Calls that write, rename or delete files, outside of `with replacing(...)`."""
    if isinstance(tree, ast.With) and any("replacing(" in ast.unparse(item.context_expr) for item in tree.items):
        return
    if isinstance(tree, ast.Call) and writes(tree):
        yield tree
    for child in ast.iter_child_nodes(tree):
        yield from calls_of_writers(child)


def writes(call):
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("replace", "rename"):  # a text's `replace` has two arguments, that of dataclasses is no method
        of_os = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "os"
        return of_os or (isinstance(function, ast.Attribute) and len(call.args) == 1 and not call.keywords)
    if name in OPENERS:
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        modes = [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]
        return any(set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)
    return name in METHODS and isinstance(function, ast.Attribute)


def test_nothing_but_the_writer_writes():
    found = [
        f"{file.relative_to(ROOT)}:{call.lineno} {ast.unparse(call)}"
        for package in ("lrp", "spray", "viewer")
        for file in sorted((ROOT / package).rglob("*.py"))
        if file.parent != ROOT / "spray" / "files"
        for call in calls_of_writers(ast.parse(file.read_text(encoding="utf-8")))
        if not (".rename(" in ast.unparse(call) and str(file.relative_to(ROOT)).startswith(RENAMING_ARRAYS))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "path.write_text('x')", "path.write_bytes(b'x')", "os.replace(a, b)", "os.rename(a, b)", "a.rename(b)",
        "a.replace(b)", "data.to_netcdf(path)", "open(path, 'w')", "path.open('ab')", "open(path, mode='x')",
        "path.unlink()", "netCDF4.Dataset(path, 'w')", "h5py.File(path, 'w')", "h5py.File(path, mode='r+')",
    ],
)  # fmt: skip
def test_what_writes_is_seen(code):
    assert list(calls_of_writers(ast.parse(code)))
    assert not list(calls_of_writers(ast.parse(f"with replacing(path) as temporary, LOCK:\n    {code}")))
    for harmless in (
        "text.replace('a', 'b')",
        "replace(state, a=1)",
        "open(path)",
        "path.open('rb')",
        "data.rename(a='w')",
        "Dataset(x)",
    ):
        assert not list(calls_of_writers(ast.parse(harmless)))
