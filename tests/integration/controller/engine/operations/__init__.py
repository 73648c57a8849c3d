"""What operators and time do to jobs: cancel, retry, follow up, wait for signs of life."""
