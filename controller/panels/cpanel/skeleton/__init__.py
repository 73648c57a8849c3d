"""What new accounts of a cPanel server are born with, and the ways to put it there."""
