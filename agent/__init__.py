"""The agent: restores a shop in the account it runs in. Application-agnostic; Python 3.6 to 3.14."""

VERSION = "0.1.0"
