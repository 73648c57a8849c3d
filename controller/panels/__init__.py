"""Hosting panels: `base` is what each must be able to do, a driver is one package."""
