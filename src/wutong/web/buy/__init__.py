"""Buying compute: the catalogue with what a job would cost, packages of card-hours, reserved days, topping up, and what was ordered."""
