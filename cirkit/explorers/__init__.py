"""Widgets: one anywidget class each, with a static twin."""
