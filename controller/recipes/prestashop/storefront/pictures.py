"""Chooses which of a PrestaShop's pictures to request: by the file's path, and by the name that .htaccess resolves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from controller.recipes.prestashop.storefront.catalogue import Catalogue, Product

#: Sizes to request, best first; then any other size of the theme.
_SIZES = ("home_default", "home", "medium_default", "large_default", "category_default")
#: Every shop's rules resolve these; since 8.1 the others, too.
_ALWAYS, _SINCE_8_1 = (".jpg",), (".png", ".webp", ".avif", ".jpeg")
#: Extensions for which every web server sends a type.
_TYPED = (".jpg", ".jpeg", ".png", ".gif", ".svg")
_LARGEST = 4 * 1024 * 1024
_ON = "1"
_LOOKED_AT = 50
_LACKING = (
    "of {asked} products whose pictures the database lists, the tree has those of {there}: each shop shows substitutes"
    " in their place"
)


@dataclass(frozen=True)
class Picture:
    """The address of a picture of the template; `of` names what it shows."""

    of: str
    path: str

    @property
    def content_type(self) -> str | None:
        """The beginning of the answer's type, None where web servers differ."""
        return "image/" if self.path.lower().endswith(_TYPED) else None


class Pictures:
    """The pictures of the template at `root`, of `version`."""

    def __init__(self, root: Path, catalogue: Catalogue, settings: Mapping[str, str], version: str) -> None:
        self._root = root
        self._catalogue = catalogue
        self._settings = settings
        newer = tuple(int(part) for part in version.split(".")[:2]) >= (8, 1)
        self._named = (*_ALWAYS, *_SINCE_8_1) if newer else _ALWAYS
        self._products = [*catalogue.products(), *catalogue.pictured()]
        self._sizes = {kind: self._ordered(kind) for kind in ("products", "categories")}

    def plain(self) -> Picture | None:
        """Return a picture by its file's path: a product's, else a category's, the shop's logo, or the placeholder."""
        return next((found for found in self._plain() if self._is_there(found.path)), None)

    def named(self) -> list[Picture]:
        """Return a product's and a category's picture by name, or the one for categories without a picture; [] if
        friendly addresses are off."""
        if self._settings.get("PS_REWRITING_SETTINGS") != _ON:
            return []
        product = next((picture for picture, path in self._named_products() if self._is_there(path)), None)
        category = next((picture for picture, path in self._named_categories() if self._is_there(path)), None)
        return [found for found in (product, category) if found is not None]

    def are_there(self) -> bool:
        """Return whether most products with pictures have their files in the tree."""
        there, asked = self._counted
        return 2 * there >= asked

    def lacking(self) -> list[str]:
        """Return a sentence for the report where most products' files are not in the tree."""
        there, asked = self._counted
        return [] if self.are_there() else [_LACKING.format(there=there or "none", asked=asked)]

    @cached_property
    def _counted(self) -> tuple[int, int]:
        """Of the first products with pictures: how many have files in the tree, and how many were looked at."""
        asked = {product.number: product for product in self._products if product.images}
        first = list(asked.values())[:_LOOKED_AT]
        return sum(any(map(self._is_there, self._files_of(product))) for product in first), len(first)

    def _plain(self) -> Iterator[Picture]:
        for product in self._products:
            for path in self._files_of(product):
                yield Picture("product_image", path)
        for category in self._catalogue.categories():
            yield Picture("category_image", f"/img/c/{category.number}.jpg")
        if logo := self._settings.get("PS_LOGO"):
            yield Picture("logo", f"/img/{logo}")
        for iso in self._languages():
            yield from (Picture("no_picture", f"/img/p/{iso}{size}.jpg") for size in ("", "-default-home_default"))

    def _files_of(self, product: Product) -> Iterator[str]:
        for image in product.images:
            for stem in self._stems(product, image):
                for ending in (*_ALWAYS, *_SINCE_8_1):
                    yield from (f"/img/p/{stem}{size}{ending}" for size in ("", *self._sizes["products"]))

    def _named_products(self) -> Iterator[tuple[Picture, str]]:
        for product in self._products:
            for image in product.images:
                for stem in self._stems(product, image):
                    for path, name in self._forms(stem, "products"):
                        link = product.link or "picture"
                        address = f"/{name[0].rpartition('/')[2]}/{link}{name[1]}"
                        yield Picture("product_image_by_name", address), f"/img/p/{path}"

    def _named_categories(self) -> Iterator[tuple[Picture, str]]:
        for category in self._catalogue.categories():
            for path, (name, ending) in self._forms(str(category.number), "categories"):
                if name != str(category.number):
                    address = f"/c/{name}/{category.link or 'picture'}{ending}"
                    yield Picture("category_image_by_name", address), f"/img/c/{path}"
        for iso in self._languages():
            for path, (name, ending) in self._forms(f"{iso}-default", "categories"):
                yield Picture("no_picture_by_name", f"/c/{name}/picture{ending}"), f"/img/c/{path}"
            yield Picture("no_picture_by_name", f"/c/{iso}/picture.jpg"), f"/img/c/{iso}.jpg"

    def _forms(self, stem: str, kind: str) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield (file, (its name without extension, extension)) of a picture in its sizes, then as uploaded."""
        for size in (*self._sizes[kind], ""):
            for ending in self._named:
                yield f"{stem}{size}{ending}", (f"{stem}{size}", ending)

    def _stems(self, product: Product, image: int) -> Iterator[str]:
        """Yield the possible places of a product's picture: by its number's digits, or as shops before 1.4.3 had it."""
        yield f"{'/'.join(str(image))}/{image}"
        if self._settings.get("PS_LEGACY_IMAGES") == _ON:
            yield f"{product.number}-{image}"

    def _ordered(self, kind: str) -> Sequence[str]:
        known = self._catalogue.picture_types(kind)
        return [f"-{size}" for size in dict.fromkeys([*_SIZES, *known])]

    def _languages(self) -> Sequence[str]:
        return [*self._catalogue.languages(), "en"]

    def _is_there(self, path: str) -> bool:
        try:
            return 0 < (self._root / path.lstrip("/")).stat().st_size <= _LARGEST
        except OSError:
            return False
