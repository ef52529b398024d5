"""Widgets: one a file; each turns a Scene into rows."""
