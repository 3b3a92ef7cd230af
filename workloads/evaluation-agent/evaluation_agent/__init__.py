"""Evaluates how well a model tells the weather of months from what it is told of other years."""
