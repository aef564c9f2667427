"""One style for every figure: draws from records only, stamps each figure with scale, seeds and data."""

from common.plotting.figure import figure, finish, save
from common.plotting.series import band, curves, smooth

__all__ = ["band", "curves", "figure", "finish", "save", "smooth"]
