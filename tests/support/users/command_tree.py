"""The commands of the command line, as click lists them."""

import click


def commands_of(group):
    """Return name -> command of a group, sorted by name; of anything else none."""
    if not isinstance(group, click.Group):
        return {}
    context = click.Context(group)
    return {name: group.get_command(context, name) for name in group.list_commands(context)}
