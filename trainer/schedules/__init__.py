"""Schedules: what each update is, its learning rate, and when the model is evaluated."""
