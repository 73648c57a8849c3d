"""One module for each kind of follow-up job: what it needs, how its change looks from outside, what is known then."""
