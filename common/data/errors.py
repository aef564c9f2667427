"""What can go wrong with data: every error is one line that names the culprit and the cure."""


class DataError(RuntimeError):
    """A data set cannot be used as asked."""


class NotAtHandError(DataError):
    """A file of a set is in none of the places looked at; a subset or a stand-in may be used instead."""


class WrongFileError(DataError):
    """A file is there but is not the one registered; nothing is put in its place silently."""
