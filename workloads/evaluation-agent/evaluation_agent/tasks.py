"""The initializer: which questions there are, what a model is told, and the right answers."""

import calendar
import csv
from collections import Counter
from importlib.resources import files


def prompt(name: str, **values: object) -> str:
    """A prompt of the package, filled in."""
    return files("evaluation_agent").joinpath("prompts", f"{name}.md").read_text().format(**values)


def read_days(path: str, city: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        days = [row for row in csv.DictReader(file) if row["location"] == city]
    if not days:
        raise ValueError(f"{path} has no days of {city}")
    return days


def make_tasks(days: list[dict[str, str]], city: str, year: int) -> list[dict]:
    """One task for each month of the year, in order."""
    choices = sorted({day["weather"] for day in days})
    tasks = []
    for month in range(1, 13):
        of_month = [day for day in days if int(day["date"][5:7]) == month]
        own = _counts(day for day in of_month if int(day["date"][:4]) == year)
        others = _counts(day for day in of_month if int(day["date"][:4]) != year)
        if not own or not others:
            continue
        history = "\n".join(f"- {weather}: {count}" for weather, count in others)
        values = {"month": calendar.month_name[month], "year": year, "city": city}
        question = prompt("worker", choices=", ".join(choices), history=history, **values)
        tasks.append({"id": f"{year}-{month:02}", "prompt": question, "answer": own[0][0]})
    if not tasks:
        raise ValueError(f"there is no year {year} of {city} beside other years")
    return tasks


def _counts(days) -> list[tuple[str, int]]:
    """The most common one first; of equals the first by name, so that a repetition is the same."""
    counts = Counter(day["weather"] for day in days)
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
