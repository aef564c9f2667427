"""Generated data that take the place of a set that is not there; never mistaken for it, for the origin says so."""
