"""Hosting panels: `base` is the contract of all drivers, each driver is one package."""
