"""Rules of the whole project: what a module may do, how long it is, whether the pages are true."""
