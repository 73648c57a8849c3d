"""The recipes there are, by name, and finding the one that knows a tree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.recipes.base import Recipe
from controller.recipes.prestashop import PrestaShop
from controller.recipes.wordpress import WordPress
from shared.errors import ShoplaunchError

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (PrestaShop(), WordPress())}


def recipe_named(name: str) -> Recipe:
    """Return the recipe `name`. Raises ShoplaunchError `not_this_application`."""
    try:
        return RECIPES[name]
    except KeyError:
        known = ", ".join(sorted(RECIPES))
        raise ShoplaunchError("not_this_application", f"there is no recipe {name!r}; known are: {known}") from None


def recipe_of(manifest: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe a bundle was packed with, None when it is not among those known here."""
    application = manifest["application"]
    return RECIPES.get(application.get("recipe") or application["name"])


def recipe_for(root: Path, name: str | None = None) -> Recipe:
    """Return the recipe that knows the tree at `root`; `name` asks for one. Raises `not_this_application`."""
    candidates = [recipe_named(name)] if name else list(RECIPES.values())
    for recipe in candidates:
        if recipe.detect(root):
            return recipe
    raise ShoplaunchError("not_this_application", f"no known application in {root}")
