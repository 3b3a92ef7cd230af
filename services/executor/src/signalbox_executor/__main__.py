"""`python -m signalbox_executor <manifest.json>`."""

from .main import run_and_exit

run_and_exit()
