"""What counts as the same value in a CRM, and which records are looked at."""

import pytest

from orchestration.activation.mapping import Value
from orchestration.activation.readback import differences, sample


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (31.4, 31),
        (31.4, "31.0"),
        (31.4, "31.40"),
        (57.26, 57.3),
        ("2026-02-01", "2026-02-01T00:00:00+00:00"),
        ("2026-02-01", "1769904000000"),
        ("Bird  watching", "bird watching "),
        (True, "true"),
        (None, ""),
        (None, False),
        (None, "0"),
        ("Arts & Crafts", "Arts &amp; Crafts"),
        ("2026-02-01", "2026-02-01 00:00:00"),
    ],
)
def test_a_crms_own_way_of_writing_is_the_same_value(sent: Value, found: Value) -> None:
    assert differences({"field": sent}, {"field": found}) == []


@pytest.mark.parametrize(
    ("sent", "found"),
    [(1.0, 0), (31.4, 32), (31.4, 31.3), (31.4, None), (None, 31.4), ("2026-02-01", "2026-02-02"), (5, "x")],
)
def test_another_value_is_another_value(sent: Value, found: Value) -> None:
    assert differences({"field": sent}, {"field": found}) == ["field"]


def test_each_field_is_looked_at_where_a_record_has_it() -> None:
    written = {str(n): {"score": float(n), "topic": None} for n in range(1_000)}
    written["500"]["topic"] = "birds"  # type: ignore[assignment]
    for seed in ("a", "b", "c"):
        chosen = sample(written, 20, seed)
        assert "500" in chosen
        assert len(chosen) == 20
    assert sample(written, 20, "a") != sample(written, 20, "b")
    assert sample(written, 0, "a") == []
