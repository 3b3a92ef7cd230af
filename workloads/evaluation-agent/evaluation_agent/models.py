"""Whom the workers ask: a model behind the chat protocol, or the baseline to beat."""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable

from signalbox_executor import TransientError

ANSWER_SECONDS_MAX = 120
_MAY_PASS = (408, 429, 500, 502, 503, 504)


def model_of(url: str | None, name: str | None) -> Callable[[str], str]:
    if url is None:
        return baseline
    if not name:
        raise ValueError("model_url needs a model: the name of the endpoint or of the model")
    return lambda prompt: ask(url, name, prompt)


def baseline(prompt: str) -> str:
    """The first of the other years' list, which begins with the most common one."""
    found = re.search(r"^- (\w+): \d+$", prompt, re.MULTILINE)
    return found[1] if found else ""


def ask(url: str, name: str, prompt: str) -> str:
    """One word of the model's answer. What may pass fails the attempt as transient."""
    body = {"model": name, "messages": [{"role": "user", "content": prompt}], "max_tokens": 16}
    request = urllib.request.Request(
        f"{url.rstrip('/')}/chat/completions",
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('MODEL_TOKEN', '')}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as reply:
            choice = json.load(reply)["choices"][0]
    except urllib.error.HTTPError as error:
        if error.code in _MAY_PASS:
            raise TransientError(f"the model answered {error.code}") from error
        raise
    except urllib.error.URLError as error:
        raise TransientError(f"the model cannot be reached: {error.reason}") from error
    words = re.findall(r"[a-z]+", str(choice["message"]["content"]).lower())
    return words[0] if words else ""
