"""Files of strangers: looked at by a process of its own, with limits, before the HDF5 library opens them."""

from spray.store.guard.watch import check as check
from spray.store.guard.watch import trust as trust
