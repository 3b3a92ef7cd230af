"""Learns to forecast tomorrow's highest temperature from today's weather, a little more in each
iteration.

A linear model, fitted by gradient descent. Each iteration goes on from the weights that the capsule
carries, for `epochs` passes over the training days, and is measured on the last `held_out_days`,
which it never learns from. Without the capsule every iteration begins again from nothing, and none
gets far enough.
"""

import csv
import hashlib
import io
import json
import math
import sys
from datetime import date, timedelta

from signalbox_executor import context

FEATURES = [
    "one",
    "year_sin",
    "year_cos",
    "half_year_sin",
    "half_year_cos",
    "temp_max",
    "temp_min",
    "precipitation",
    "wind",
]


def main():
    settings = settings_of(context.parameters)
    content = read(settings["data"])
    pairs = pairs_of(days_of(content, settings["data"]))
    training, held_out = split(pairs, settings["held_out_days"])
    scale = scale_of([features for _, features, _ in training])
    weights, epochs_before = start_from(context.capsule, hashlib.sha256(content).hexdigest())

    inputs = [scaled(features, scale) for _, features, _ in training]
    targets = [target for _, _, target in training]
    weights = descend(weights, inputs, targets, settings["epochs"], settings["learning_rate"])

    epochs = epochs_before + settings["epochs"]
    forecasts = [forecast(weights, scaled(features, scale)) for _, features, _ in held_out]
    rmse = root_mean_square([f - target for f, (_, _, target) in zip(forecasts, held_out)])
    rmse_train = root_mean_square([forecast(weights, x) - y for x, y in zip(inputs, targets)])
    # The forecast to beat: tomorrow will be as warm as today.
    rmse_same = root_mean_square(
        [features[FEATURES.index("temp_max")] - target for _, features, target in held_out]
    )
    metrics = {
        "rmse": rmse,
        "rmse_train": rmse_train,
        "rmse_same_as_today": rmse_same,
        "epochs": epochs,
    }
    metrics |= {
        "days": len(pairs) + 1,
        "days_trained": len(training),
        "days_held_out": len(held_out),
    }
    report(metrics, weights, scale, forecasts, held_out)
    context.capsule = {
        "weights": weights,
        "epochs": epochs,
        "data_sha256": hashlib.sha256(content).hexdigest(),
    }


def settings_of(parameters):
    """The parameters, checked: what is wrong is said in one sentence, before any work."""
    settings = {
        name: parameters.get(name) for name in ("data", "epochs", "learning_rate", "held_out_days")
    }
    if not isinstance(settings["data"], str):
        raise ValueError("parameter data must be the path of a CSV file with daily weather")
    reviewed(settings["data"])
    for name, most in (("epochs", 10_000), ("held_out_days", 100_000)):
        if not is_whole(settings[name]) or not 1 <= settings[name] <= most:
            raise ValueError(
                f"parameter {name} must be a whole number from 1 to {most}, not {settings[name]!r}"
            )
    rate = settings["learning_rate"]
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= 1:
        raise ValueError(
            f"parameter learning_rate must be a number above 0 and at most 1, not {rate!r}"
        )
    return settings


def reviewed(path):
    """A ticket names a file among the reviewed data, and no other: what it names is read with the
    rights of the executors.
    """
    folders = [f"{folder}/data/" for folder in sys.path if folder.startswith("/Volumes/")]
    climbs = any(part in (".", "..") for part in path.split("/"))
    if climbs or not path.startswith(tuple(folders)):
        raise ValueError(f"parameter data must lie below {' or '.join(folders)}, not be {path!r}")
    return path


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def days_of(content, path):
    """Each day's weather, in order of its date."""
    days = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(content.decode("utf-8"))), start=2):
        try:
            day = date.fromisoformat(row["date"])
            days[day] = {
                name: float(row[name]) for name in ("temp_max", "temp_min", "precipitation", "wind")
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} of {path} is no day of weather: {error!r}") from error
        if not all(map(math.isfinite, days[day].values())):
            raise ValueError(f"line {number} of {path} has a value that is no number")
    return dict(sorted(days.items()))


def pairs_of(days):
    """(day, what was known the day before, its highest temperature); a day after a gap has no day
    before.
    """
    day_before = timedelta(days=1)
    return [
        (day, features_of(day, days[day - day_before]), weather["temp_max"])
        for day, weather in days.items()
        if day - day_before in days
    ]


def features_of(day, before):
    angle = 2 * math.pi * day.timetuple().tm_yday / 365.25
    waves = [math.sin(angle), math.cos(angle), math.sin(2 * angle), math.cos(2 * angle)]
    return [
        1.0,
        *waves,
        before["temp_max"],
        before["temp_min"],
        before["precipitation"],
        before["wind"],
    ]


def split(pairs, held_out_days):
    if len(pairs) < 2 * held_out_days:
        raise ValueError(
            f"there are {len(pairs)} days with a day before them; to hold out {held_out_days}, "
            f"{2 * held_out_days} are needed: lower held_out_days, or bring more days"
        )
    return pairs[:-held_out_days], pairs[-held_out_days:]


def scale_of(rows):
    """Mean and deviation of each feature on the training days; the constant stays as it is."""
    scale = [(0.0, 1.0)]
    for values in list(zip(*rows))[1:]:
        mean = math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        # A feature that never changes teaches nothing; its rounding errors must not be blown up to
        # a deviation of one.
        scale.append((mean, deviation if deviation > 1e-9 else 1.0))
    return scale


def scaled(features, scale):
    return [(value - mean) / deviation for value, (mean, deviation) in zip(features, scale)]


def start_from(capsule, data_sha256):
    """The weights of the iteration before, or none yet."""
    if not capsule:
        return [0.0] * len(FEATURES), 0
    if capsule["data_sha256"] != data_sha256:
        raise ValueError(
            "the data is not the data that this run began with: start a new run for new data"
        )
    return capsule["weights"], capsule["epochs"]


def descend(weights, inputs, targets, epochs, learning_rate):
    """Steps down the gradient of half the mean squared error, once an epoch."""
    for _ in range(epochs):
        gradient = [0.0] * len(weights)
        for row, target in zip(inputs, targets):
            error = forecast(weights, row) - target
            for index, value in enumerate(row):
                gradient[index] += error * value
        weights = [
            weight - learning_rate * slope / len(inputs) for weight, slope in zip(weights, gradient)
        ]
    return weights


def forecast(weights, features):
    return sum(weight * value for weight, value in zip(weights, features))


def root_mean_square(errors):
    return math.sqrt(math.fsum(error * error for error in errors) / len(errors))


def report(metrics, weights, scale, forecasts, held_out):
    for name, value in metrics.items():
        context.metric(name, value)
    model = {"features": FEATURES, "weights": weights, "scale": scale}
    context.artifact(json.dumps(model, indent=2).encode(), "model.json")
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["date", "temp_max", "forecast"])
    rows.writerows(
        [day.isoformat(), target, f"{f:.2f}"] for f, (day, _, target) in zip(forecasts, held_out)
    )
    context.artifact(table.getvalue().encode(), "forecasts.csv")
    sentence = (
        f"after {metrics['epochs']} epochs the forecast is off by {metrics['rmse']:.3f} degrees on "
        f"{metrics['days_held_out']} held-out days (same as today: "
        f"{metrics['rmse_same_as_today']:.3f})"
    )
    print(sentence)
    context.summary(sentence)


main()
