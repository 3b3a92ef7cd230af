"""The entry point: initializer, workers, report."""

import sys

from evaluation_agent.models import model_of
from evaluation_agent.sessions import Session
from evaluation_agent.tasks import make_tasks, prompt, read_days
from signalbox_executor import TransientError, context


def main() -> None:
    settings = context.parameters
    if "--interactive" in sys.argv or settings.get("interactive"):
        raise SystemExit("a job has nobody who answers: leave interactive away")
    city, year = settings["city"], settings["year"]
    tasks = make_tasks(read_days(settings["data"], city), city, year)
    print(prompt("initializer", city=city, year=year))
    print(f"session {context.run_id}, attempt {context.attempt}: {len(tasks)} tasks")
    print(f"token: {'given' if 'model-token' in context.secrets else 'none'}")
    answers, resumed = work(tasks, Session(context.state_path), settings)
    right = [task["id"] for task in tasks if answers[task["id"]] == task["answer"]]
    context.metric("accuracy", len(right) / len(tasks))
    context.metric("tasks", len(tasks))
    context.metric("resumed", resumed)
    context.output = {
        task["id"]: {"said": answers[task["id"]], "was": task["answer"]} for task in tasks
    }
    context.summary(f"{len(right)} of {len(tasks)} months of {year} in {city} right")


def work(tasks: list[dict], session: Session, settings: dict) -> tuple[dict[str, str], int]:
    """Does what no earlier session has done. Returns all answers, and how many were there."""
    ask = model_of(settings["model_url"], settings["model"])
    answers, resumed, asked = {}, 0, 0
    for number, task in enumerate(tasks, 1):
        answer = session.answer(task)
        if answer is not None:
            resumed += 1
        else:
            if settings["lose_after"] and asked == settings["lose_after"] and context.attempt == 1:
                raise TransientError(f"lost on purpose after {asked} tasks")
            answer = ask(task["prompt"])
            asked += 1
            session.keep(task, answer)
        answers[task["id"]] = answer
        context.progress(number / len(tasks), f"{task['id']}: {answer}")
    return answers, resumed
