"""Web servers, proxies and stores that tests start for themselves."""
