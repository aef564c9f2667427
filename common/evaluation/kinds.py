"""Names of the battery's attackers, for whoever shows what they read."""

from __future__ import annotations

PLAIN = ("linear", "mlp", "boosting", "knn")
TURNED = "_decorrelated"  # the mark of a kind that reads decorrelated features
KINDS = (*PLAIN, *(kind + TURNED for kind in PLAIN))
