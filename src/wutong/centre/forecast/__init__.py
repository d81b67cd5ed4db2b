"""When a waiting job will start, and what another machine or policy would have done: a forecaster and a planner. It schedules nothing."""
