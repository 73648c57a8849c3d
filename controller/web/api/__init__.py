"""Endpoints for programs: orders and services, agents' events, bundles, monitoring."""
