"""The registry of recipes: each by name, imported when it is first asked for, and the one that recognises a tree.

A new recipe is one entry of RECIPES.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from controller.recipes.base import Recipe
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest


@dataclass(frozen=True)
class Entry:
    """Where a recipe stands: all of them take a fifth of the time in which a command starts, and few need one."""

    module: str
    class_name: str

    @property
    def recipe(self) -> Recipe:
        """The recipe, imported now."""
        return cast(Recipe, getattr(import_module(self.module), self.class_name)())


RECIPES: dict[str, Entry] = {
    "prestashop": Entry("controller.recipes.prestashop.recipe", "PrestaShop"),
    "wordpress": Entry("controller.recipes.wordpress.recipe", "WordPress"),
}


def recipe_named(name: str) -> Recipe:
    """Return the recipe `name`. Raises ShoplaunchError `recipe_missing`."""
    try:
        return RECIPES[name].recipe
    except KeyError:
        known = ", ".join(sorted(RECIPES))
        raise ShoplaunchError("recipe_missing", f"there is no recipe {name!r}; known are: {known}") from None


def recipe_of(manifest: Manifest) -> Recipe:
    """Return the recipe a bundle was packed with. Raises ShoplaunchError `recipe_missing` when it is not registered."""
    application = manifest["application"]
    return recipe_named(application.get("recipe") or application["name"])


def recipe_for(root: Path, name: str | None = None) -> Recipe:
    """Return the recipe that recognises the tree at `root`; `name` requests one.

    Raises ShoplaunchError `recipe_missing`, `not_this_application`.
    """
    candidates = [recipe_named(name)] if name else [entry.recipe for entry in RECIPES.values()]
    for recipe in candidates:
        if recipe.detect(root):
            return recipe
    raise ShoplaunchError("not_this_application", f"no known application in {root}")
