"""Clocks that differ or are set end no attempt and leave nothing waiting."""
