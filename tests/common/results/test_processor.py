"""What the processor says of itself: flags of real processors, and a system without the file."""

import pytest

from common.results import processor

ZEN3 = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse2 avx avx2 fma\n"
ZEN5 = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f avx512_bf16\n"
SAPPHIRE = "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\n"


@pytest.mark.parametrize(
    ("text", "intel", "units", "products"),
    [(ZEN3, False, False, False), (ZEN5, False, False, True), (SAPPHIRE, True, True, True), ("", False, False, False)],
)
def test_what_it_can(monkeypatch, text, intel, units, products):
    monkeypatch.setattr(processor, "description", lambda: text)
    assert (processor.is_intel(), processor.has_matrix_units(), processor.has_bf16_products()) == (
        intel, units, products,
    )  # fmt: skip


def test_a_system_without_the_file_has_nothing_to_say(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "Path", lambda name: tmp_path / "absent")
    assert processor.description.__wrapped__() == ""
