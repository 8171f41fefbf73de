"""Sphinx: Markdown pages, a reference from docstrings, formulas as MathML; building needs no network."""

import importlib
import inspect
import re
from importlib import metadata

from latex2mathml.converter import convert

project = "lrp-spray"
author = "the lrp-spray maintainers"
release = metadata.version("lrp-spray")
copyright = "2026, the lrp-spray maintainers"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path, html_css_files = ["_static"], ["docs.css"]
html_title = f"lrp-spray {release}"
html_copy_source = html_show_sourcelink = False
html_math_renderer = "mathml"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
python_display_short_literal_types = True
python_use_unqualified_type_names = True
default_role = "literal"  # `x` in a docstring is code

nitpicky = True
# types in signatures are other libraries' or private names; what prose refers to must exist
nitpick_ignore_regex = [("py:.*", r"(?!(lrp|spray|viewer)\.).*"), ("py:class", r".*")]
linkcheck_anchors, linkcheck_ignore = False, ["http://localhost"]

CODE = re.compile(r"(`+)(.+?)\1(\w?)", re.S)
FIELD = re.compile(r"(\w+(?:, \w+)*): (?=\S)")


def as_rst(_app, what, _name, _obj, _options, lines: list[str]) -> None:
    """Docstrings are written for people: backticks are code, other characters are themselves, fields are a list."""
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = "\n\n".join(_paragraph(text, what == "class") for text in paragraphs).split("\n")


def _paragraph(text: str, of_class: bool) -> str:
    """A paragraph, of which an example may be the rest."""
    prose, mark, example = text.partition(">>>")
    indent = prose[prose.rfind("\n") + 1 :]
    prose = _escaped(prose.rstrip())
    if of_class and FIELD.match(prose):
        prose = "\n".join(map(_field, prose.split("\n")))
    return f"{prose}\n\n{indent}{mark}{example}" if mark and prose else f"{indent}{mark}{example}" if mark else prose


def _field(line: str) -> str:
    name = FIELD.match(line)
    return f"- ``{name[1]}``: {line[name.end() :]}" if name else f"  {line.strip()}"


def _escaped(text: str) -> str:
    """Prose: code as code, and no character with a meaning of its own outside."""
    pieces, at = [], 0
    for code in CODE.finditer(text):
        pieces += [_plain(text[at : code.start()]), f"``{code[2]}``", f"\\ {code[3]}" if code[3] else ""]
        at = code.end()
    return "".join([*pieces, _plain(text[at:])])


def _plain(text: str) -> str:
    return re.sub(r"(?<=\w)_(?!\w)|[*|\\]", r"\\\g<0>", text)


def options_as_rst(_app, _context, lines: list[str]) -> None:
    """Help texts of commands: a bar is a bar."""
    lines[:] = [line if line.startswith("..") else line.replace("|", r"\|") for line in lines]


def stages_listed(_app, _page, source: list[str]) -> None:
    """`.. stages:: spray.stages.affinity` is every function of spray/stages/affinity.py that shows an example, and of a
    folder every one that it hands on."""
    source[0] = re.sub(r"^\.\. stages:: ([\w.]+)$", lambda found: _functions(found[1]), source[0], flags=re.M)


def _functions(module: str) -> str:
    """Each by the name that people use: `spray.kmeans`, or `spray.clustering.by_size` for what `spray` hands not on."""
    import spray

    file = module.rpartition(".")[2]
    found = vars(importlib.import_module(module))
    shown = {name: function for name, function in found.items() if "Example:" in (inspect.getdoc(function) or "")}
    own = {name: function for name, function in shown.items() if f"{function.__module__}.".startswith(f"{module}.")}
    short = {name for name, function in own.items() if getattr(spray, name, None) is function}
    handed_on = file in spray.__all__ and getattr(spray, file) is importlib.import_module(module)
    long = f"spray.{file}" if handed_on else module
    return "\n".join(f".. autofunction:: {'spray' if name in short else long}.{name}" for name in own)


def inline(translator, node) -> None:
    translator.body.append(convert(node.astext()))
    raise _skip()


def block(translator, node) -> None:
    translator.body.append(convert(node.astext(), display="block"))
    raise _skip()


def _skip() -> Exception:
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app) -> None:
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon
    app.connect("source-read", stages_listed)
    app.connect("sphinx-click-process-options", options_as_rst)
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
