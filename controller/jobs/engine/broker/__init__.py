"""Hints by a broker (Redis or RabbitMQ), as messages of Celery: settings, messages, publisher, listener, engine."""
