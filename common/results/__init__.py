"""Records: what one run of one seed leaves behind, written once and read by everything downstream."""

from common.results.schema import Cell, Origin, Provenance, Record
from common.results.store import RecordError, find, read, read_at, read_many, record_path, write

__all__ = [
    "Cell",
    "Origin",
    "Provenance",
    "Record",
    "RecordError",
    "find",
    "read",
    "read_at",
    "read_many",
    "record_path",
    "write",
]
