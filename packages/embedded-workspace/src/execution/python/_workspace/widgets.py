"""dbutils.widgets: what the notebook was given, and the defaults of what it defines."""


class InputWidgetNotDefined(Exception):
    """The platform's name for a widget that is not there."""


class Widgets:
    def __init__(self, given):
        self._given = given
        self._defined = {}

    def _define(self, name, defaultValue):
        self._defined[name] = defaultValue

    def text(self, name, defaultValue="", label=None):
        self._define(name, defaultValue)

    def dropdown(self, name, defaultValue, choices, label=None):
        self._define(name, defaultValue)

    combobox = dropdown
    multiselect = dropdown

    def get(self, name):
        for values in (self._given, self._defined):
            if name in values:
                return values[name]
        raise InputWidgetNotDefined(f"No input widget named {name} is defined")

    def getArgument(self, name, defaultValue=None):
        """The old call: a default takes the place of the error."""
        return self.get(name) if defaultValue is None or self.has(name) else defaultValue

    def has(self, name):
        return name in self._given or name in self._defined

    def getAll(self):
        return {**self._defined, **self._given}

    def give(self, values):
        """Values of `%run ./this $name=value` go before given and default ones."""
        self._given = {**self._given, **values}

    def remove(self, name):
        """A widget goes; what the job gave is no widget, and stays."""
        self._defined.pop(name, None)

    def removeAll(self):
        self._defined.clear()
