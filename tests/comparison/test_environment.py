"""The machine's description tells apart what computes at different speeds."""

import pytest

from comparison import environment


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("fpu sse2 avx avx2 avx512f avx512dq", "Some CPU: 2 GHz, AVX-512"),
        ("fpu sse2 avx avx2", "Some CPU: 2 GHz, AVX2"),
        ("fpu sse2", "Some CPU: 2 GHz"),
    ],
)
def test_a_processor_is_named_with_its_vectors(flags, name, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text(
        f"processor\t: 0\nmodel name\t: Some CPU: 2 GHz\nflags\t\t: {flags}\n\n"
    )
    assert environment.cpu(info) == name


def test_a_processor_without_a_name(tmp_path):
    """As in Linux on ARM, and where there is no such file."""
    info = tmp_path / "cpuinfo"
    nameless = environment.cpu(info)
    assert nameless
    info.write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    assert environment.cpu(info) == nameless
