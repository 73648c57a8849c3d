"""Machines, trees and containers in which the package is installed, and who works on them."""
