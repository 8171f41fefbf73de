"""Explainers as files: both programs as text and the weights, without the model and without pickles."""

from lrp.saved.file import Loaded as Loaded
from lrp.saved.file import load as load
from lrp.saved.file import save as save
