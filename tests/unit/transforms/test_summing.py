"""Which windows a device has follows from its cadence and the settings."""

import pytest

from barograph.transforms.summing import Summing


@pytest.mark.parametrize(
    ("cadence", "shape"),
    [
        (0.1, (60, 5)),
        (10, (60, 5)),
        (10.5, (60, 10)),
        (13, (60, 15)),
        (30, (60, 30)),
        (45, (60, 60)),
        (60, (60, 60)),
        (300, (300, 300)),
        (86_400, (86_400, 86_400)),
    ],
)
def test_windows_slide_by_the_cadence_of_slow_devices(cadence, shape):
    assert shape == Summing().shape(cadence)


@pytest.mark.parametrize("summing", [Summing(), Summing(60, 60), Summing(900, 90), Summing(7, 1)])
@pytest.mark.parametrize("cadence", [0.5, 2, 9.99, 14, 59.4, 60, 61, 1800])
def test_the_slide_always_divides_the_size(summing, cadence):
    """Else one reading would count in more windows than its neighbour."""
    size, slide = summing.shape(cadence)

    assert 0 == size % slide
    assert slide >= summing.slide


@pytest.mark.parametrize(
    ("cadence", "periods"), [(1, ("minute", "hour", "day")), (20, ("minute", "hour", "day")), (21, ("hour", "day"))]
)
def test_a_minute_is_summed_up_where_three_readings_come_in_it(cadence, periods):
    assert periods == Summing().periods(cadence)
