"""What programs ask: orders and services, agents' events, bundles, monitoring."""
