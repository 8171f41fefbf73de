"""Relevance of tokens as coloured text: for a page, a drawing, a paper, a terminal.

Tokens are what a tokenizer calls them (`tokenizer.convert_ids_to_tokens(ids)`), relevance is `(token,)`, or `(row,
token)` for several explanations of one text, such as one of each generated token. What is coloured how is told by
`lrp.colormap` and `lrp.heatmap.Scaling`, as for pictures.
"""

from lrp.text.drawings import html, latex, svg, terminal
from lrp.text.tokens import MARKS, Piece, pieces, words

__all__ = ["MARKS", "Piece", "html", "latex", "pieces", "svg", "terminal", "words"]
