"""The files of CoRelAy and ViRelAy: analyses, whole projects, image directories; read, written, made ours."""

from spray.virelay.analyses import read_hdf5, write_hdf5
from spray.virelay.migration import from_virelay, to_virelay
from spray.virelay.project import open_virelay

__all__ = ["from_virelay", "open_virelay", "read_hdf5", "to_virelay", "write_hdf5"]
