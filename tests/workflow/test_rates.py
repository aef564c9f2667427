import json
from dataclasses import asdict

from common.workflow import rates
from common.workflow.rates import Rates

OLD = Rates(flop_per_second=1e9, seconds_per_step=0.01, start_seconds=3.0, conv_per_second=4e9, large_per_second=8e9)


def test_rates_are_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "_step_seconds", lambda device, precision, batch: batch * 1e-4)
    monkeypatch.setattr(rates, "_convolution_rate", lambda device, precision, kernel, *shape: kernel * 1e9)
    measured = rates.measured_rates(tmp_path, "cpu", "auto")
    assert (measured.conv_per_second, measured.large_per_second) == (3e9, 7e9)
    monkeypatch.setattr(rates, "_step_seconds", None)
    assert rates.measured_rates(tmp_path, "cpu", "auto") == measured


def test_each_precision_has_rates_of_its_own(tmp_path, monkeypatch):
    factor = {"auto": 1.0, "fp32": 1.0, "bf16": 0.5}
    monkeypatch.setattr(rates, "_step_seconds", lambda device, precision, batch: factor[precision] * batch * 1e-4)
    monkeypatch.setattr(rates, "_convolution_rate", lambda device, precision, *shape: 1e9 / factor[precision])
    plain, halved = (rates.measured_rates(tmp_path, "cpu", precision) for precision in ("fp32", "bf16"))
    assert halved.flop_per_second == 2 * plain.flop_per_second
    assert halved.conv_per_second == 2 * plain.conv_per_second
    assert rates.measured_rates(tmp_path, "cpu", "fp32") == plain


def test_rates_kept_by_an_older_version_are_measured_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "_step_seconds", lambda device, precision, batch: batch * 1e-4)
    monkeypatch.setattr(rates, "_convolution_rate", lambda *shape: 1e9)
    rates.measured_rates(tmp_path, "cpu", "auto")
    (path,) = (tmp_path / "results").iterdir()
    old = asdict(OLD)
    del old["conv_per_second"]
    path.write_text(json.dumps(old))
    assert rates.measured_rates(tmp_path, "cpu", "auto").conv_per_second == 1e9


def test_the_calibration_itself_gives_sensible_rates():
    for kernel in (3, 7):
        assert 1e8 < rates._convolution_rate("cpu", "auto", kernel, 4, 14, 2) < 1e15
