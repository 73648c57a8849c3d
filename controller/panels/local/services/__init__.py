"""The services of one machine that accounts use: database, PHP, web server, and their files."""
