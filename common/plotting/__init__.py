"""One style for every figure: draws from records only, stamps each figure with scale, seeds and data."""

from common.plotting.figure import figure, finish, save
from common.plotting.series import SMOOTHING, band, curves, in_words, smooth

__all__ = ["SMOOTHING", "band", "curves", "figure", "finish", "in_words", "save", "smooth"]
