"""Schedules: phase, position and learning rate of each update, and when the model is evaluated."""
