"""Silence while PyTorch exports: its notices about its own internals tell a user nothing to act on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """No warning of PyTorch's own modules, and nothing of its log on stderr: what matters comes as an error."""
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if name.startswith("torch.")]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"copyreg|torch\..*")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"copyreg|torch\..*")
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    del record
    return False
