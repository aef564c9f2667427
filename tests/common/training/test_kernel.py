"""The fused kernel is built where it pays, kept, and done without, saying why, where it cannot be."""

import ctypes
import hashlib
import shutil

import pytest
import torch

from common.models import fused
from common.results import processor
from common.training import kernel, machine

ZEN4 = "flags: fma avx512f avx512bw avx512vl avx512dq avx512_bf16\n"
fits = pytest.mark.skipif(not kernel.suits(), reason="this processor has no bf16 dot products, or has matrix units")


@pytest.fixture(autouse=True)
def fresh():
    kernel.library.cache_clear()
    yield
    kernel.library.cache_clear()
    fused.use(None)


def on(monkeypatch, description):
    monkeypatch.setattr(processor, "description", lambda: description)


def test_the_digest_is_the_source_s():
    assert hashlib.sha256(kernel.SOURCE.read_bytes()).hexdigest() == kernel.DIGEST


@pytest.mark.parametrize(
    ("description", "suits"), [(ZEN4, True), (ZEN4.replace("avx512_bf16", ""), False), (ZEN4 + "amx_bf16", False)]
)
def test_it_is_for_bf16_products_without_matrix_units(monkeypatch, description, suits):
    on(monkeypatch, description)
    assert kernel.suits() is suits


def test_another_source_is_refused(monkeypatch, tmp_path):
    other = tmp_path / "critic_bf16.c"
    other.write_text(kernel.SOURCE.read_text() + "\n")
    monkeypatch.setattr(kernel, "SOURCE", other)
    with pytest.raises(RuntimeError, match=r"write its SHA-256"):
        kernel.library()


@pytest.mark.parametrize(("compiler", "why"), [(None, "no C compiler found"), ("false", "false: exit status 1")])
def test_without_a_compiler_that_works_one_line_says_so(monkeypatch, capfd, tmp_path, compiler, why):
    source = tmp_path / kernel.SOURCE.name
    shutil.copy(kernel.SOURCE, source)
    monkeypatch.setattr(kernel, "SOURCE", source)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    if compiler:
        monkeypatch.setenv("CC", shutil.which(compiler, path="/bin:/usr/bin"))
    assert kernel.library() is None
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert why in said
    assert not list(tmp_path.rglob("*.so"))


@fits
def test_it_is_built_once_and_beside_python_s_own_files(monkeypatch, tmp_path):
    source = tmp_path / kernel.SOURCE.name
    shutil.copy(kernel.SOURCE, source)
    monkeypatch.setattr(kernel, "SOURCE", source)
    assert isinstance(kernel.library(), ctypes.CDLL)
    (built,) = tmp_path.rglob("*.so")
    assert built.parent.name == "__pycache__"
    kernel.library.cache_clear()
    monkeypatch.setenv("CC", "no-such-compiler")
    assert isinstance(kernel.library(), ctypes.CDLL)


@fits
def test_a_checkout_that_cannot_be_written_to_gets_a_private_folder(monkeypatch, tmp_path):
    source = tmp_path / kernel.SOURCE.name
    shutil.copy(kernel.SOURCE, source)
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    monkeypatch.setattr(kernel, "SOURCE", source)
    monkeypatch.setattr(kernel.tempfile, "tempdir", str(tmp_path))
    assert isinstance(kernel.library(), ctypes.CDLL)
    (built,) = tmp_path.rglob("critic-kernel-*/*.so")
    assert built.parent.stat().st_mode & 0o077 == 0


@fits
def test_a_machine_in_bf16_puts_it_to_use_and_one_in_fp32_does_not():
    machine.prepare("cpu", "fp32")
    assert fused.in_use() is None
    assert machine.prepare("cpu", "bf16").autocast is torch.bfloat16
    assert fused.in_use() is not None
