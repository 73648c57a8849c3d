"""Registers the recipes by name, and finds the one that recognises a tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from controller.recipes.base import Recipe
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.wordpress.recipe import WordPress
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (PrestaShop(), WordPress())}


def recipe_named(name: str) -> Recipe:
    """Return the recipe `name`. Raises ShoplaunchError `recipe_missing`."""
    try:
        return RECIPES[name]
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
    candidates = [recipe_named(name)] if name else list(RECIPES.values())
    for recipe in candidates:
        if recipe.detect(root):
            return recipe
    raise ShoplaunchError("not_this_application", f"no known application in {root}")
