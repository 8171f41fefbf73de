"""Coloured text for a page, a drawing, a paper and a terminal; each escapes what its format would read as its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

import numpy as np
from markupsafe import escape

from lrp.heatmap import Array, Scaling
from lrp.text.shades import Look, Shade, shades
from spray.pictures.drawing import letters, plain

LETTER, LINE, SIZE = 7.8, 21.0, 13.0  # of a letter's width, from line to line, and of letters, in pixels
FONT = "ui-monospace, 'DejaVu Sans Mono', monospace"
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
LATEX |= {">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}"}
LATEX |= {"-": r"{-}", "'": r"\textquotesingle{}"} | {letter: f"\\{letter}" for letter in "&%$#_{}"}
PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{textcomp,xcolor}
\setlength{\fboxsep}{1pt}
\setlength{\parindent}{0pt}
\begin{document}
\sloppy
"""


def html(
    tokens: Sequence[str],
    relevance: Array,
    *,
    rows: Sequence[str] | None = None,
    special: Collection[str] = (),
    marks: str | None = None,
    cmap: str = "bwr",
    level: float = 1.0,
    scaling: Scaling | None = None,
) -> str:
    """A piece of HTML: each token on the colour of its relevance, its number beneath the pointer.

    Relevance `(row, token)` becomes a table, a row for each explanation of the text.

    Args:
        tokens: As the tokenizer calls them: `tokenizer.convert_ids_to_tokens(ids)`.
        relevance: `(token,)`, or `(row, token)`.
        rows: What each row is called: the generated tokens, say.
        special: Tokens that are no text, `tokenizer.all_special_tokens`; they have a frame, and do not count in the
            scale of colours.
        marks: How the tokens say where words begin, one of `lrp.text.MARKS`; None for what they show.
        cmap, level: See `lrp.colormap.palette`.
        scaling: See `lrp.heatmap.Scaling`; by default each row has the scale of its own largest.

    Raises:
        ValueError: There is not one number for each token, or one name for each row.

    Example:
        >>> html(["a", "##b"], np.array([1.0, 0.0])).split("span")[1]
        ' style="background:#ff0000;color:#000000" title="1">a</'
    """
    drawn = shades(tokens, relevance, Look(special, marks, cmap, level, scaling))
    if np.ndim(relevance) == 1 and rows is None:
        return f'<p dir="auto" style="line-height:1.7">{_line(drawn[0])}</p>'
    names = _names(rows, len(drawn))
    head = "".join(f'<th style="writing-mode:vertical-rl;font-weight:normal">{_text(s)}</th>' for s in drawn[0])
    body = "".join(
        f'<tr><th style="text-align:end">{escape(plain(name))}</th>'
        + "".join(f'<td style="background:#{s.paper}" title="{_text(s)}: {s.value:.3g}"></td>' for s in row)
        + "</tr>"
        for name, row in zip(names, drawn, strict=True)
    )
    return (
        f'<table style="border-collapse:collapse"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def svg(
    tokens: Sequence[str],
    relevance: Array,
    *,
    rows: Sequence[str] | None = None,
    width: float = 640,
    special: Collection[str] = (),
    marks: str | None = None,
    cmap: str = "bwr",
    level: float = 1.0,
    scaling: Scaling | None = None,
) -> str:
    """A drawing on white paper, of lines of `width`; a text that is mostly Arabic or Hebrew runs from the right.

    Args:
        width: In pixels.
        tokens, relevance, rows, special, marks, cmap, level, scaling: As `html`. Several rows are drawn one below the
            other, each after its name.
    """
    drawn = shades(tokens, relevance, Look(special, marks, cmap, level, scaling))
    names = _names(rows, len(drawn), alone="")
    parts: list[str] = []
    y = 0.0
    for name, row in zip(names, drawn, strict=True):
        if name:
            y += LINE
            parts.append(_word(Shade(plain(name), True, False, 0.0, "ffffff", "666666"), 4, y, _width(name)))
        placed, y = _placed(row, width, y)
        parts += placed
    size = f'width="{width:g}" height="{y + 8:g}" viewBox="0 0 {width:g} {y + 8:g}"'
    paper = f'<rect width="{width:g}" height="{y + 8:g}" fill="#ffffff"/>'
    style = f'font-family="{FONT}" font-size="{SIZE:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}<g {style}>{"".join(parts)}</g></svg>'


def latex(
    tokens: Sequence[str],
    relevance: Array,
    *,
    rows: Sequence[str] | None = None,
    document: bool = False,
    special: Collection[str] = (),
    marks: str | None = None,
    cmap: str = "bwr",
    level: float = 1.0,
    scaling: Scaling | None = None,
) -> str:
    r"""A piece of LaTeX, which needs the packages xcolor and textcomp; letters beyond Latin need XeLaTeX or LuaLaTeX,
    and a font that has them.

    Args:
        document: Whether it is a whole document.
        tokens, relevance, rows, special, marks, cmap, level, scaling: As `html`. Each row is a paragraph.

    Example:
        >>> print(latex(["100", "%"], np.array([0.0, 1.0]), marks="none"))
        \colorbox[HTML]{FFFFFF}{\color[HTML]{000000}\strut 100}\space\allowbreak
        \colorbox[HTML]{FF0000}{\color[HTML]{000000}\strut \%}
    """
    drawn = shades(tokens, relevance, Look(special, marks, cmap, level, scaling))
    names = _names(rows, len(drawn), alone="")
    told = [f"{_escaped(name)}\\quad\n" if name else "" for name in names]
    text = "\n\n".join(name + _boxes(row) for name, row in zip(told, drawn, strict=True))
    return f"{PREAMBLE}{text}\n\\end{{document}}\n" if document else text


def terminal(
    tokens: Sequence[str],
    relevance: Array,
    *,
    rows: Sequence[str] | None = None,
    special: Collection[str] = (),
    marks: str | None = None,
    cmap: str = "bwr",
    level: float = 1.0,
    scaling: Scaling | None = None,
) -> str:
    r"""Text in the colours of a terminal that has 24 bits of them.

    Args:
        tokens, relevance, rows, special, marks, cmap, level, scaling: As `html`. Each row is a line.

    Example:
        >>> terminal(["a", "##b"], np.array([1.0, -1.0]))
        '\x1b[38;2;0;0;0;48;2;255;0;0ma\x1b[0m\x1b[38;2;255;255;255;48;2;0;0;255mb\x1b[0m'
    """
    drawn = shades(tokens, relevance, Look(special, marks, cmap, level, scaling))
    names = _names(rows, len(drawn), alone="")
    widest = max(map(letters, names), default=0)
    lines = []
    for name, row in zip(names, drawn, strict=True):
        told = plain(name).replace("\n", " ") + " " * (widest - letters(name)) + "  " if name else ""
        lines.append(told + "".join(_before(row, at, " ") + _coloured(s) for at, s in enumerate(row)))
    return "\n".join(lines)


def _names(rows: Sequence[str] | None, count: int, alone: str = "0") -> list[str]:
    """What rows are called: their numbers, where nobody says; `alone`, where there is one."""
    if rows is not None and len(rows) != count:
        raise ValueError(f"{len(rows)} names for {count} rows of relevance")
    return list(rows) if rows is not None else [alone] if count == 1 else list(map(str, range(count)))


def _before(row: Sequence[Shade], at: int, space: str) -> str:
    """What is between a piece and the one before it."""
    apart = at and (row[at].begins or row[at].special or row[at - 1].special)
    return space if apart else ""


def _text(shade: Shade) -> str:
    return str(escape(shade.text)) or "␣"


def _line(row: Sequence[Shade]) -> str:
    return "".join(_before(row, at, " ") + _span(shade) for at, shade in enumerate(row))


def _span(shade: Shade) -> str:
    frame = ";outline:1px dotted #888888;font-size:80%" if shade.special else ""
    style = f"background:#{shade.paper};color:#{shade.ink}{frame}"
    return f'<span style="{style}" title="{shade.value:.3g}">{_text(shade)}</span>'


def _coloured(shade: Shade) -> str:
    ink, paper = (";".join(str(byte) for byte in bytes.fromhex(colour)) for colour in (shade.ink, shade.paper))
    return f"\x1b[38;2;{ink};48;2;{paper}m{shade.text or '␣'}\x1b[0m"


def _escaped(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in plain(text).replace("\n", " ").replace("\t", " "))


def _boxes(row: Sequence[Shade]) -> str:
    boxes = [
        f"\\colorbox[HTML]{{{s.paper.upper()}}}{{\\color[HTML]{{{s.ink.upper()}}}\\strut {_escaped(s.text)}}}"
        for s in row
    ]
    return "".join(_before(row, at, "\\space\\allowbreak\n") + box for at, box in enumerate(boxes))


def _width(text: str) -> float:
    return max(letters(text), 1) * LETTER


def _placed(row: Sequence[Shade], width: float, y: float) -> tuple[list[str], float]:
    """Words in lines, and where the last line is."""
    directions = [unicodedata.bidirectional(c) for shade in row for c in shade.text]
    from_right = sum(c in ("R", "AL") for c in directions) > sum(c == "L" for c in directions)
    parts: list[str] = []
    x, y = 4.0, y + LINE
    for at, shade in enumerate(row):
        own = _width(shade.text or "␣")
        x += LETTER * bool(_before(row, at, " "))
        if x + own > width - 4 and x > 4:
            x, y = 4.0, y + LINE
        parts.append(_word(shade, width - x - own if from_right else x, y, own))
        x += own
    return parts, y


def _word(shade: Shade, x: float, y: float, width: float) -> str:
    """One piece, in a box of the width that it is said to have, whatever font the reader has."""
    frame = ' stroke="#888888" stroke-dasharray="2"' if shade.special else ""
    box = (
        f'<rect x="{x:.1f}" y="{y - SIZE:.1f}" width="{width:.1f}" height="{LINE - 3:g}" fill="#{shade.paper}"{frame}/>'
    )
    said = f'x="{x:.1f}" y="{y:.1f}" fill="#{shade.ink}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"{box}<text {said}>{_text(shade)}</text>"
