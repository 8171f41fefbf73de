"""Tables: CSV and Parquet. A row is a sample of numbers, or of a text in one of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lrp.dataset.reading.budget import needed, within
from lrp.dataset.reading.labels import Label, classes_of, of_columns
from lrp.dataset.reading.readers.texts import Text, Texts, Tokenizer, most

CELLS = 32  # bytes that pandas needs at most for one of a CSV file, nearly always: "1," as a text


class Rows(Dataset):
    """Rows of numbers; the names of the columns, and their units, stand beside them."""

    def __init__(
        self,
        values: np.ndarray,
        labels: Sequence[Label],
        classes: Sequence[str],
        extra: Mapping[str, Sequence[Any]],
        beside: Mapping[str, Any],
    ):
        self.values, self.labels, self.classes, self.extra = values, labels, list(classes), dict(extra)
        self.kind, self.axes, self.beside = "table", ("feature",), dict(beside)
        self.most_labels = most(labels)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Tensor, Label, dict[str, Any]]:
        extra = {name: values[index] for name, values in self.extra.items()}
        return torch.from_numpy(self.values[index]), self.labels[index], extra


def open_table(
    file: Path,
    *,
    label: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    beside: Sequence[str] = (),
    unit: Mapping[str, str] | None = None,
    text: str | None = None,
    tokenizer: Tokenizer | None = None,
    length: int | None = None,
    pad: int | None = None,
) -> Rows | Texts:
    """A CSV or Parquet file, a row a sample.

    Args:
        label: The column of the class, a number or a name. Several columns of 0 and 1, one a class, where a sample
            may have several.
        features: The columns that the model reads, in its order. Default: all others, in the file's order.
        beside: Columns that travel along.
        unit: Of features, by their names.
        text: The column of a text, which the tokenizer makes the sample of, in place of features.
        tokenizer, length, pad: As for `lrp.dataset.reading.readers.lines.open_lines`.

    Raises:
        ValueError: There is no such column, or a cell is missing or no number; the message names row and column. The
            first row has the number 0, as its sample.
    """
    table = READ[file.suffix.lower()](file)
    labels_of = [label] if isinstance(label, str) else list(label or ())
    if not len(table):
        raise ValueError(f"{file} holds no row")
    named = [*labels_of, *(features or ()), *beside, *(unit or ()), *([] if text is None else [text])]
    if unknown := [name for name in named if name not in table.columns]:
        raise ValueError(f"{file} has no column {', '.join(map(repr, unknown))}; it has {', '.join(table.columns)}")

    def where(row: int) -> str:
        return f"{file.name}: row {row}"

    labels, classes = _labels(table, labels_of, where)
    extra = {name: _column(table, name, where).tolist() for name in beside}
    if text is not None:
        texts = [
            Text(where(row), content, None, labels[row], {name: values[row] for name, values in extra.items()})
            for row, content in enumerate(_column(table, text, where).tolist())
        ]
        return Texts(texts, classes, tokenizer=tokenizer, length=length, pad=pad)
    if tokenizer is not None or length is not None or pad is not None:
        raise ValueError("tokenizer, length and pad are for texts: say text=, the column that holds them")
    chosen = [name for name in table.columns if name not in (*labels_of, *beside)] if features is None else features
    if not chosen:
        raise ValueError(f"{file} has no column beside {', '.join((*labels_of, *beside))}: nothing is left for a model")
    values = np.stack([_numbers(table, name, where) for name in chosen], 1)
    said: dict[str, Any] = {"feature_name": list(chosen)}
    if unit:
        said["unit"] = [unit.get(name, "") for name in chosen]
    return Rows(values, labels, classes, extra, said)


def _csv(file: Path) -> pd.DataFrame:
    within(CELLS * file.stat().st_size, file)
    try:
        table = pd.read_csv(file, index_col=False, encoding="utf-8")
    except (ValueError, pd.errors.ParserError) as error:  # of which UnicodeDecodeError is one
        raise ValueError(f"{file} cannot be read as a table: {error}") from error
    return _named(table, file)


def _parquet(file: Path) -> pd.DataFrame:
    parquet = needed("pyarrow.parquet", file, "tables")
    arrow = needed("pyarrow", file, "tables")
    try:
        head = parquet.read_metadata(file)
        groups = [head.row_group(at).total_byte_size for at in range(head.num_row_groups)]
        within(sum(groups) + CELLS * head.num_rows * max(1, head.num_columns), file)
        table = parquet.read_table(file).to_pandas(ignore_metadata=True)  # of which pandas might unpack objects
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{file} cannot be read as a table: {error}") from error
    return _named(table, file)


READ: Mapping[str, Callable[[Path], pd.DataFrame]] = {".csv": _csv, ".parquet": _parquet}


def _named(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    table.columns = [str(name) for name in table.columns]
    if twice := sorted({name for name in table.columns if list(table.columns).count(name) > 1}):
        raise ValueError(f"{file} has several columns {', '.join(twice)}: give them names of their own")
    return table


def _labels(table: pd.DataFrame, names: Sequence[str], where: Callable[[int], str]) -> tuple[list[Label], list[str]]:
    if not names:
        return [-1] * len(table), []
    if len(names) > 1:
        return of_columns(np.stack([_numbers(table, name, where) for name in names], 1), where), list(names)
    values = table[names[0]].tolist()
    values = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]  # lists of Parquet's
    return classes_of(values, lambda row: f"{where(row)}, column {names[0]!r},")


def _column(table: pd.DataFrame, name: str, where: Callable[[int], str]) -> pd.Series:
    """A column without gaps."""
    column = pd.Series(table[name])
    gaps = np.flatnonzero(np.asarray(column.isna()))
    if len(gaps):
        more = f", and {len(gaps) - 1} more in it" if len(gaps) > 1 else ""
        raise ValueError(
            f"{where(int(gaps[0]))}, column {name!r}, is missing{more}: fill the gaps as for the model's training, or "
            "leave these rows out"
        )
    return column


def _numbers(table: pd.DataFrame, name: str, where: Callable[[int], str]) -> np.ndarray:
    column = _column(table, name, where)
    if not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)):
        row = next((row for row, value in enumerate(column.tolist()) if not _is_number(value)), 0)
        raise ValueError(
            f"{where(row)}, column {name!r}, holds {column.tolist()[row]!r}, and a feature is a number: code it as the "
            "model's training did, or name the column as label, text, or beside"
        )
    values = column.to_numpy(np.float32)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{where(row)}, column {name!r}, holds {column.tolist()[row]}, which is no finite float32")
    return values


def _is_number(value: object) -> bool:
    """Also of a text: those between are not what makes a column one of texts."""
    try:
        float(str(value))
    except ValueError:
        return False
    return True
