"""Monthly statistics of a city's weather: a CSV file for people, the same rows as output, and
metrics of the whole.

`pause_seconds` makes it wait before it begins, so that there is time to watch, or to cancel, a run.
"""

import csv
import io
import math
import sys
import time
from datetime import date

from signalbox_executor import context

COLUMNS = [
    "month",
    "days",
    "rain_days",
    "precipitation",
    "temp_max_mean",
    "temp_min_mean",
    "temp_max",
    "temp_min",
    "wind_mean",
]
PAUSE_SECONDS_MAX = 600


def main():
    settings = settings_of(context.parameters)
    if settings["pause_seconds"]:
        print(f"waiting for {settings['pause_seconds']} s, as the ticket asks", flush=True)
        time.sleep(settings["pause_seconds"])
    days = days_of(settings)
    months = {}
    for day in days:
        months.setdefault(day["date"].strftime("%Y-%m"), []).append(day)
    rows = [{"month": month, **statistics_of(months[month])} for month in sorted(months)]
    whole = statistics_of(days)
    for name, value in whole.items():
        context.metric(name, value)
    context.metric("months", len(rows))
    context.artifact(table(COLUMNS, [list(row.values()) for row in rows]), "monthly.csv")
    context.artifact(
        table(["metric", "value"], [*whole.items(), ("months", len(rows))]), "metrics.csv"
    )
    context.output = {"months": rows}
    context.summary(sentence_of(settings, whole))
    print(sentence_of(settings, whole))


def settings_of(parameters):
    """The parameters, checked: what is wrong is said in one sentence, before any work."""
    settings = {name: parameters.get(name) for name in ("data", "city", "year", "pause_seconds")}
    for name, what in (
        ("data", "the path of a CSV file with daily weather"),
        ("city", "the name of a city"),
    ):
        if not isinstance(settings[name], str):
            raise ValueError(f"parameter {name} must be {what}, not {settings[name]!r}")
    reviewed(settings["data"])
    year = settings["year"]
    if year is not None and (isinstance(year, bool) or not isinstance(year, int)):
        raise ValueError(
            f"parameter year must be a year as a number, or null for all, not {year!r}"
        )
    pause = settings["pause_seconds"]
    if (
        isinstance(pause, bool)
        or not isinstance(pause, (int, float))
        or not 0 <= pause <= PAUSE_SECONDS_MAX
    ):
        raise ValueError(
            f"parameter pause_seconds must be a number from 0 to {PAUSE_SECONDS_MAX}, not {pause!r}"
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


def days_of(settings):
    """The city's days of the year, as the file has them. None at all is an error: an empty report
    would look like success.
    """
    city, year, path = settings["city"], settings["year"], settings["data"]
    with open(path, encoding="utf-8", newline="") as file:
        days = [
            day_of(row, number, path) for number, row in enumerate(csv.DictReader(file), start=2)
        ]
    cities = sorted({day["city"] for day in days})
    of_city = [day for day in days if day["city"] == city]
    if not of_city:
        raise ValueError(
            f"no rows for the city {city} in {path}: it has {', '.join(cities) or 'no rows at all'}"
        )
    wanted = [day for day in of_city if year is None or day["date"].year == year]
    if not wanted:
        years = sorted({day["date"].year for day in of_city})
        raise ValueError(
            f"no rows for year {year} in {path}: it has {years[0]} to {years[-1]} for {city}"
        )
    return wanted


def day_of(row, number, path):
    try:
        day = {name: float(row[name]) for name in ("precipitation", "temp_max", "temp_min", "wind")}
        if not all(map(math.isfinite, day.values())):
            raise ValueError("a value is no number")
        return {"city": row["location"], "date": date.fromisoformat(row["date"]), **day}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"line {number} of {path} is no day of weather: {error!r}") from error


def statistics_of(days):
    return {
        "days": len(days),
        "rain_days": sum(day["precipitation"] > 0 for day in days),
        "precipitation": math.fsum(day["precipitation"] for day in days),
        "temp_max_mean": mean(days, "temp_max"),
        "temp_min_mean": mean(days, "temp_min"),
        "temp_max": max(day["temp_max"] for day in days),
        "temp_min": min(day["temp_min"] for day in days),
        "wind_mean": mean(days, "wind"),
    }


def mean(days, name):
    return math.fsum(day[name] for day in days) / len(days)


def table(columns, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [f"{value:.3f}" if isinstance(value, float) else value for value in row] for row in rows
    )
    return text.getvalue().encode()


def sentence_of(settings, whole):
    when = settings["year"] if settings["year"] is not None else "all years"
    return (
        f"{settings['city']}, {when}: {whole['days']} days, rain on {whole['rain_days']}, "
        f"{whole['temp_min']:.1f} to {whole['temp_max']:.1f} degrees"
    )


main()
